"""Slices of rates in a SQLite file of their own, which all processes of a machine share. Made by the first lease.

Nothing of it has to survive a crash: what is lost is a second of counting. So no commit waits for the disk, and no
backup has the file.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from quartzdb.adapters.embedded.sqlite_connection import connect
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.gcra import Leased, Rate, lease

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS rates (name TEXT PRIMARY KEY, tat_ns INTEGER NOT NULL) WITHOUT ROWID, STRICT"
)
_GET = "SELECT tat_ns FROM rates WHERE name = ?"
_PUT = "INSERT OR REPLACE INTO rates (name, tat_ns) VALUES (?, ?)"
_FORGET = "DELETE FROM rates WHERE tat_ns < ?"
_BUSY_SECONDS = 0.5
_KEPT_NS = 3_600_000_000_000


class SqliteRateSlices:
    """RateSlices. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def lease(self, name: str, rate: Rate, least: int, most: int, now_ms: int) -> Leased:
        """Up to `most` requests, in one transaction. Raises Unavailable."""
        now_ns = now_ms * 1_000_000
        with self._lock:
            try:
                connection = self._connection or self._opened(now_ns)
                connection.execute("BEGIN IMMEDIATE")
                try:
                    row = connection.execute(_GET, (name,)).fetchone()
                    leased, tat_ns = lease(row[0] if row else None, now_ns, rate, least, most)
                    if tat_ns is not None:
                        connection.execute(_PUT, (name, tat_ns))
                finally:
                    connection.execute("COMMIT")
            except (sqlite3.Error, OSError) as error:
                self._close()
                raise Unavailable(
                    f"The rates in {self._path.name} cannot be counted now: {error}.",
                    hint="Stop the server and remove the file if it is damaged: it has nothing that is missed.",
                ) from error
        return leased

    def _opened(self, now_ns: int) -> sqlite3.Connection:
        connection = connect(self._path, busy_seconds=_BUSY_SECONDS, synchronous="OFF")
        self._connection = connection
        connection.execute(_SCHEMA)
        connection.execute(_FORGET, (now_ns - _KEPT_NS,))
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
