"""Whether anything was committed to a SQLite file since, told without asking SQLite.

A commit is one as soon as it is in the header of the index that all processes share, and that header is what SQLite
itself compares, at the beginning of each read, with the one it saw last: where it is the same, nothing was committed.
It lies in memory, where SQLite has mapped it, and a look at it takes a hundredth of a SELECT. The format is that of
https://www.sqlite.org/walformat.html#the_wal_index_file_format; where it is another one, nothing is told.

HAZARD: the mapping is SQLite's, and is there for as long as some connection of this process is open. Mapping the file
once more is no way out: to close a file drops all locks of the process on it, and SQLite holds some.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_COPY_BYTES = 48
"""The header is there twice, and written one after the other: where both are alike, none is being written."""
_FORMAT = (3_007_000).to_bytes(4, "little")
_INITIALISED = 12
_MAPPINGS = Path("/proc/self/maps")


class WalIndex:
    """The header in memory. Valid while the connection is open that it was found for."""

    __slots__ = ("_header",)

    def __init__(self, address: int) -> None:
        self._header = (ctypes.c_char * (2 * _COPY_BYTES)).from_address(address)

    def data_version(self) -> bytes | None:
        """Bytes that are others after each commit of any process; None while one writes them, and in other formats."""
        both = self._header.raw
        one = both[:_COPY_BYTES]
        if one != both[_COPY_BYTES:] or not one.startswith(_FORMAT) or not one[_INITIALISED]:
            return None
        return one


def wal_index_of(database: Path) -> WalIndex | None:
    """That of a database file of which this process has an open connection that was read from.

    None where it cannot be found: on systems that do not say what is mapped, and where there are several.
    """
    shared = f"{os.path.realpath(database)}-shm"
    try:
        mappings = [
            line.split(maxsplit=5) for line in _MAPPINGS.read_text("utf-8", "surrogateescape").splitlines()
        ]
    except OSError:
        return None
    # Of a mapping: addresses, rights, where in the file it begins, device, inode, name.
    found = [
        int(fields[0].partition("-")[0], 16)
        for fields in mappings
        if len(fields) == 6 and fields[5] == shared and int(fields[2], 16) == 0
    ]
    return WalIndex(found[0]) if len(found) == 1 else None
