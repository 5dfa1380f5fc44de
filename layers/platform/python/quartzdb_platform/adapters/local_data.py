"""A project's data on this machine, as files of lines: what `quartzdb export` writes of each namespace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from quartzdb.cli.export import key_value_lines, record_lines
from quartzdb.cli.export_header import encode_header

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.wiring.embedded import Database


class LocalData:
    """DataPlaneData over the database of a directory."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def files(self, tenant: str) -> Iterator[tuple[str, Iterable[bytes]]]:
        """The name and the lines of each file, which have to be read before the next. Raises Unavailable."""
        for namespace in self._namespaces(tenant):
            if namespace.settings.dimension is not None:
                yield f"{namespace.name}.records.jsonl", self._with_header("records", namespace)
            yield f"{namespace.name}.kv.jsonl", self._with_header("kv", namespace)

    def _namespaces(self, tenant: str) -> Iterator[Namespace]:
        cursor: str | None = None
        while True:
            page = self._database.namespaces.list(tenant, cursor=cursor)
            yield from page.items
            cursor = page.cursor
            if cursor is None:
                return

    def _with_header(self, kind: str, namespace: Namespace) -> Iterator[bytes]:
        yield encode_header(kind, namespace)
        if kind == "kv":
            yield from key_value_lines(self._database, namespace)
        else:
            yield from record_lines(self._database, namespace, base64_vectors=False)
