"""SQLite over a partial file: what SQLite reads is fetched first. Read-only and without locks: the file never changes.

Python's own sqlite3 module cannot be given another file layer; apsw can. This module is imported when one is needed.
"""

from __future__ import annotations

import threading
from typing import Any
from weakref import WeakValueDictionary

import apsw

from quartzdb.storage.index.segments.partial_file import PartialFile

_VFS_NAME = "quartzdb-partial"
_AHEAD_BYTES_MIN = 16 * 1024
_AHEAD_BYTES_MAX = 1024 * 1024
_IMMUTABLE = apsw.SQLITE_IOCAP_IMMUTABLE

_files: WeakValueDictionary[str, PartialFile] = WeakValueDictionary()
_registering = threading.Lock()
_vfs: _PartialVfs | None = None


def connect(file: PartialFile) -> apsw.Connection:
    """A connection to a database that lies in a partial file. Any thread may use it, one at a time."""
    global _vfs  # noqa: PLW0603 - SQLite knows file layers by name, once for the whole process
    with _registering:
        if _vfs is None:
            _vfs = _PartialVfs()
        name = f"{id(file):x}"
        _files[name] = file
    return apsw.Connection(name, vfs=_VFS_NAME, flags=apsw.SQLITE_OPEN_READONLY)


class _PartialVfs(apsw.VFS):
    def __init__(self) -> None:
        super().__init__(_VFS_NAME, base="")

    def xFullPathname(self, name: str) -> str:  # noqa: N802 - SQLite's name
        return name

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802, ARG002
        return False  # there is never a journal beside it

    # apsw takes any object with a file's methods; its stubs ask for a subclass, which would open a real file.
    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802
        flags[1] = apsw.SQLITE_OPEN_READONLY
        return _File(_files[name.filename()])


class _File:
    """One open file, in SQLite's terms."""

    def __init__(self, file: PartialFile) -> None:
        self._file = file
        self._end = -1
        self._ahead = 0

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        # A long value lies on pages in a row, each of which SQLite asks for alone.
        self._ahead = (
            min(max(2 * self._ahead, _AHEAD_BYTES_MIN), _AHEAD_BYTES_MAX) if offset == self._end else 0
        )
        self._end = offset + amount
        if self._ahead:
            return self._file.read(offset, amount + self._ahead)[:amount]
        return self._file.read(offset, amount)

    def xFileSize(self) -> int:  # noqa: N802
        return self._file.size

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return _IMMUTABLE

    def xSectorSize(self) -> int:  # noqa: N802
        return 4096

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802, ARG002
        return False

    def xLock(self, level: int) -> None: ...  # noqa: N802

    def xUnlock(self, level: int) -> None: ...  # noqa: N802

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xClose(self) -> None: ...  # noqa: N802
