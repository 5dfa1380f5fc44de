"""Archives in memory."""

from __future__ import annotations

from collections.abc import Sequence


class MemoryArchives:
    """ArchiveStore."""

    def __init__(self) -> None:
        self._uploads: dict[str, dict[int, bytes]] = {}
        self._whole: dict[str, bytes] = {}
        self._states: dict[str, bytes] = {}

    def begin(self, archive: str) -> str:
        """An upload."""
        upload = f"{archive}#{len(self._uploads)}"
        self._uploads[upload] = {}
        return upload

    def put_part(self, archive: str, upload: str, number: int, part: bytes) -> str:
        """Store a part."""
        del archive
        self._uploads[upload][number] = part
        return f"{number}"

    def complete(self, archive: str, upload: str, parts: Sequence[str]) -> None:
        """The archive is its parts."""
        made = self._uploads.pop(upload)
        self._whole[archive] = b"".join(made[int(tag)] for tag in parts)

    def size(self, archive: str) -> int | None:
        """Of one that is complete."""
        return len(self._whole[archive]) if archive in self._whole else None

    def state(self, archive: str) -> bytes | None:
        """What was kept."""
        return self._states.get(archive)

    def keep_state(self, archive: str, state: bytes) -> None:
        """Keep it."""
        self._states[archive] = state

    def delete(self, archive: str, upload: str | None) -> None:
        """Leave nothing of it."""
        self._uploads.pop(upload or "", None)
        self._whole.pop(archive, None)
        self._states.pop(archive, None)

    def read(self, archive: str) -> bytes:
        """One that is complete."""
        return self._whole[archive]
