"""What a SQLite file says of itself: which data directory it belongs to, as what, and the directory's mark.

Both are rows of one table. Once made, the identity stays as it is; the mark changes (directory_mark.py).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from quartzdb.adapters.embedded.directory_mark import Mark
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.domain.errors import Corrupted

_MARK = "mark/"
_IS_MARK = f"substr(name, 1, {len(_MARK)}) = '{_MARK}'"


def settle_identity(connection: sqlite3.Connection, path: Path, identity: str, *, create: bool) -> None:
    """Raises Corrupted unless the file is the one of this identity; with `create`, one that has none gets it."""
    row = connection.execute(f"SELECT name, row_sum FROM identity WHERE NOT {_IS_MARK}").fetchone()
    if row is None and create:
        connection.execute("INSERT INTO identity (name) VALUES (?)", (identity,))
        return
    if row is not None:
        require_sound(path, row[1], row[0])
    if row is None or row[0] != identity:
        raise Corrupted(
            f"{path} is not the file that belongs to this data directory.",
            hint="Put back the file, and database.json beside it, or restore the directory from a backup.",
        )


def mark_in(connection: sqlite3.Connection, path: Path) -> Mark | None:
    """The mark that the file has; None: it never got one. Raises Corrupted."""
    row = connection.execute(f"SELECT name, row_sum FROM identity WHERE {_IS_MARK}").fetchone()
    if row is None:
        return None
    require_sound(path, row[1], row[0])
    return Mark.parse(row[0].removeprefix(_MARK))


def set_mark(connection: sqlite3.Connection, mark: Mark) -> None:
    """Give it another one, in the transaction that is open."""
    connection.execute(f"DELETE FROM identity WHERE {_IS_MARK}")
    connection.execute("INSERT INTO identity (name) VALUES (?)", (f"{_MARK}{mark}",))
