"""SQLite's own check of a database file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from quartzdb.adapters.embedded.sqlite_failure import failure
from quartzdb.adapters.embedded.sqlite_read_only import read_only_uri
from quartzdb.adapters.embedded.sqlite_row_sums import add_sums, unsound_rows
from quartzdb.adapters.embedded.sqlite_wal import wal_problem
from quartzdb.domain.errors import Corrupted, Unavailable

_PROBLEMS_MAX = 10
_BUSY_SECONDS = 30


def integrity_problems(path: Path, *, read_only: bool = False) -> list[str]:
    """What is wrong with the file; empty when all is well. `read_only`: where nothing can be written."""
    if not path.is_file():
        return ["the file is missing"]
    if not path.stat().st_size:
        return ["the file is empty"]
    # Before SQLite opens it, and takes what is damaged there for the end.
    damaged = wal_problem(path, index=True)
    if damaged is not None:
        return [damaged]
    try:
        uri = read_only_uri(path) if read_only else f"{path.resolve().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)
        try:
            add_sums(connection)
            found = connection.execute(f"PRAGMA integrity_check({_PROBLEMS_MAX})").fetchall()
            if found == [("ok",)]:
                found = [(problem,) for problem in unsound_rows(connection)]
        finally:
            connection.close()
    except (Unavailable, Corrupted) as error:
        return [error.message]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return [str(error)]
    return [str(row[0]) for row in found if row[0] != "ok"]


def require_whole_log(path: Path) -> None:
    """Raises Corrupted where the log's index and its rows do not agree: an entry that only one of them has is not read.

    That would undo an acknowledged write, a deletion perhaps. Reads the file once.
    """
    if not path.is_file():
        return  # it is being made, or its absence is told by whoever opens it
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS)
        ) as log:
            add_sums(log)
            tables = "SELECT name FROM sqlite_master WHERE name IN ('log', 'partitions')"
            found = [
                problem
                for (table,) in log.execute(tables).fetchall()
                for (problem,) in log.execute(f"PRAGMA integrity_check({table})")
                if problem != "ok"
            ]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise failure(error, path, opening=True) from error
    if found:
        raise Corrupted(
            f"The database {path} is damaged: {found[0]}.",
            hint="Keep a copy of the file and restore the directory from a backup.",
        )


def require_whole_wal(path: Path) -> None:
    """Raises Corrupted where the write-ahead log of a database file is damaged.

    HAZARD: not in a process that has the file open. See sqlite_wal.py.
    """
    damaged = wal_problem(path, index=True)
    if damaged is not None:
        raise wal_damaged(path, damaged)


def wal_damaged(path: Path, problem: str) -> Corrupted:
    """What is raised then."""
    return Corrupted(
        f"The database {path} is damaged: {problem}. SQLite would leave out what follows.",
        hint="Keep a copy of the directory and restore it from a backup. To go on without those writes, remove "
        f"{path.name}-wal and {path.name}-shm, and run `quartzdb adopt`.",
    )
