"""A project's data on this machine, as files of lines: what `quartzdb export` writes of each namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quartzdb.services.tenant_export import ExportPage, TenantExport


class LocalData:
    """DataPlaneData over the database of a directory."""

    def __init__(self, export: TenantExport) -> None:
        self._export = export

    def files(self, tenant: str) -> Iterator[tuple[str, Iterable[bytes]]]:
        """The name and the lines of each file, which have to be read before the next. Raises Unavailable."""
        pages = self._pages(tenant)
        page = next(pages, None)
        while page is not None and page.file is not None:
            following: list[ExportPage] = []
            yield page.file, _of_one_file(page, pages, following)
            page = following[0] if following else None

    def _pages(self, tenant: str) -> Iterator[ExportPage]:
        cursor: str | None = None
        while True:
            page = self._export.page(tenant, cursor)
            yield page
            cursor = page.cursor
            if cursor is None:
                return


def _of_one_file(
    page: ExportPage, pages: Iterator[ExportPage], following: list[ExportPage]
) -> Iterator[bytes]:
    """Its lines; the page that begins another file is left in `following`."""
    yield from page.lines.splitlines(keepends=True)
    for after in pages:
        if after.file != page.file:
            following.append(after)
            return
        yield from after.lines.splitlines(keepends=True)
