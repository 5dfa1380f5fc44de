"""What SQLite's errors mean to a caller. Owns that one translation and changes nothing else.

A message names the file and not its directory: it goes to whoever sent the request, who need not know this machine.
Only while the database is opened it has all of the path, for the operator, who has yet to find out which one it is.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from quartzdb.domain.errors import Corrupted, StorageFull, Unavailable

_CORRUPTED = {
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is not a SQLite database",
}
_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY: (
        "is locked by another process",
        "Try again; look for a process that holds it open.",
    ),
    sqlite3.SQLITE_LOCKED: ("is locked", "Try again."),
    sqlite3.SQLITE_IOERR: ("could not be read or written", "Check its disk and the system log."),
    sqlite3.SQLITE_CANTOPEN: ("could not be opened", "Check that its directory exists and is writable."),
    sqlite3.SQLITE_READONLY: ("is read-only", "Check the permissions of the file and its directory."),
    sqlite3.SQLITE_PERM: ("may not be accessed", "Check the permissions of the file and its directory."),
    sqlite3.SQLITE_NOMEM: (
        "needs more memory than there is",
        "Give the process more memory, then try again.",
    ),
    sqlite3.SQLITE_PROTOCOL: ("is contended by too many processes", "Try again."),
    sqlite3.SQLITE_INTERRUPT: ("was closed during the operation", "Try again on a running server."),
}


def means_full(error: sqlite3.Error) -> bool:
    """Whether it means that the disk is full. Shared memory that cannot grow is told by a code of its own."""
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    return extended is not None and (
        extended & 0xFF == sqlite3.SQLITE_FULL or extended == sqlite3.SQLITE_IOERR_SHMSIZE
    )


def failure(error: sqlite3.Error | UnicodeDecodeError, path: Path, *, opening: bool = False) -> Exception:
    """The error to raise instead of `error`; `error` itself where it is a mistake in our own SQL."""
    shown = str(path) if opening else path.name
    # Text that is none: in a row, or in what SQLite says of a damaged file.
    if isinstance(error, UnicodeDecodeError) or "decode to UTF-8" in str(error):
        return Corrupted(
            f"The database {shown} is damaged: it has text that cannot be decoded.",
            hint="Keep a copy of the file and restore it from a backup.",
        )
    # An extended code (SQLITE_IOERR_FSYNC) carries its primary one in the low byte. Errors that the module raises
    # itself, such as the use of a closed connection, have no code.
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    primary = None if extended is None else extended & 0xFF
    if primary in _CORRUPTED:
        return Corrupted(
            f"The database {shown} {_CORRUPTED[primary]}: {error}.",
            hint="Keep a copy of the file and restore it from a backup.",
        )
    if means_full(error):
        return StorageFull(
            f"The database {shown} cannot grow: the disk is full.",
            hint="Delete what is not needed, or free some space on its file system, then try again.",
        )
    if primary in _UNAVAILABLE:
        what, hint = _UNAVAILABLE[primary]
        return Unavailable(f"The database {shown} {what}: {error}.", hint=hint)
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return Unavailable(f"The database {shown} is closed.", hint="Send the request to a running server.")
    if opening and isinstance(error, sqlite3.OperationalError):
        # Nothing but the tables is asked for then: a header that no release of SQLite wrote, a table that is none.
        return Corrupted(
            f"The database {shown} is damaged: {error}.",
            hint="Keep a copy of the file and restore it from a backup.",
        )
    return error
