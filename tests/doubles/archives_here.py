"""Archives of a database in this process, kept in memory."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.services.archives import Archives
from quartzdb.services.tenant_export import TenantExport
from tests.doubles.memory_archives import MemoryArchives


class ArchivesHere:
    """DataPlaneArchives."""

    def __init__(self, export: TenantExport) -> None:
        self._archives = Archives(MemoryArchives(), export)

    def add(self, archive: str, step: int, files: Sequence[tuple[str, str]]) -> None:
        """Lines of files."""
        self._archives.add(archive, step, [(name, text.encode()) for name, text in files])

    def add_project(
        self, archive: str, step: int, project_id: str, folder: str, cursor: str | None
    ) -> str | None:
        """All of what a project has."""
        return self._archives.add_tenant(archive, step, project_id, folder, cursor, lambda: True)

    def finish(self, archive: str, step: int) -> int:
        """It is whole."""
        return self._archives.finish(archive, step)

    def link(self, archive: str, file_name: str, seconds: int) -> str:
        """Where nobody listens."""
        return f"https://archives.example.com/{archive}/{file_name}?for={seconds}"

    def delete(self, archive: str) -> None:
        """Leave nothing of it."""
        self._archives.delete(archive)
