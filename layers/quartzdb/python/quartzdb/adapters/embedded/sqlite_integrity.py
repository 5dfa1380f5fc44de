"""SQLite's own check of a database file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from quartzdb.adapters.embedded.sqlite_read_only import read_only_uri
from quartzdb.domain.errors import Corrupted, Unavailable

_PROBLEMS_MAX = 10
_BUSY_SECONDS = 30


def integrity_problems(path: Path, *, read_only: bool = False) -> list[str]:
    """What is wrong with the file; empty when all is well. `read_only`: where nothing can be written."""
    if not path.is_file():
        return ["the file is missing"]
    try:
        uri = read_only_uri(path) if read_only else f"{path.resolve().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)
        try:
            found = connection.execute(f"PRAGMA integrity_check({_PROBLEMS_MAX})").fetchall()
        finally:
            connection.close()
    except (Unavailable, Corrupted) as error:
        return [error.message]
    except sqlite3.Error as error:
        return [str(error)]
    return [str(row[0]) for row in found if row[0] != "ok"]
