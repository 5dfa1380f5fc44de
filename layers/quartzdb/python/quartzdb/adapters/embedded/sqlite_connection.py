"""A connection to a SQLite file beside the database's own, to which several processes write."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from quartzdb.adapters.embedded.file_lock import exclusive_lock


def connect(path: Path, *, busy_seconds: float, synchronous: str) -> sqlite3.Connection:
    """In write-ahead mode and without implicit transactions, for a caller that keeps its threads apart.

    Raises sqlite3.Error or OSError; then nothing stays open.
    """
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
    try:
        # Only one process at a time: the change to write-ahead mode does not wait for a lock, it fails.
        with exclusive_lock(path.with_name(path.name + ".lock")):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
    except BaseException:
        connection.close()
        raise
    return connection
