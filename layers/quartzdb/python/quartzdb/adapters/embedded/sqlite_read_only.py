"""Reading a SQLite file where nothing can be written: on a snapshot that is mounted read-only, or as another user.

A file in write-ahead mode needs its -shm file even to be read, and a reader makes one where there is none. Where it
cannot, SQLite reads through the one that is there; or, told that the file is immutable, without any.
HAZARD: told so, it also leaves out the -wal file, which has the latest writes, and takes no locks. So only a file that
has neither -wal nor -shm is read like that: one that a server closed. One with both is one that a server has, or had,
open.
"""

from __future__ import annotations

from pathlib import Path

from quartzdb.domain.errors import Unavailable


def read_only_uri(path: Path) -> str:
    """What to open the file as. Raises Unavailable where its latest writes could not be read."""
    wal, shm = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    unread = wal.is_file() and wal.stat().st_size > 0
    if unread and not shm.is_file():
        raise Unavailable(
            f"{wal} has writes that cannot be read where nothing can be written.",
            hint="Copy the data directory to where it may be written to, and use the copy.",
        )
    way = "mode=ro" if unread or shm.is_file() else "mode=ro&immutable=1"
    return f"{path.resolve().as_uri()}?{way}"
