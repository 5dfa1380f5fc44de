"""The database's audit lines on one machine: a file beside the platform's, from which they go into its audit logs.

The database writes log lines and knows nothing of this: a handler of its logger stores each of them, synced to disk.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from quartzdb.adapters.embedded.sqlite_connection import connect
from quartzdb.domain.errors import Unavailable
from quartzdb_platform.ports import AuditLine

LOGGER = "quartzdb.audit"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (place INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL) STRICT;
"""
_BUSY_SECONDS = 10.0


class AuditJournal:
    """AuditLines, and where they are added. Thread-safe; several processes may open the same file.

    `source` names the file: one that was deleted and begun anew is another.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._name = path.name
        try:
            self._connection = connect(path, busy_seconds=_BUSY_SECONDS, synchronous="FULL")
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.executescript(_SCHEMA)
            self._connection.execute(
                "INSERT INTO journal SELECT ? WHERE NOT EXISTS (SELECT 1 FROM journal)",
                (secrets.token_hex(16),),
            )
            (source,) = self._connection.execute("SELECT id FROM journal").fetchone()
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(error) from error
        self.source: str = source

    def add(self, text: str) -> None:
        """One more line. Raises Unavailable."""
        self._run("INSERT INTO lines (text) VALUES (?)", (text,))

    def read(self, after: int, limit: int) -> Sequence[AuditLine]:
        """Lines beyond a place, in their order. Raises Unavailable."""
        rows = self._run(
            "SELECT place, text FROM lines WHERE place > ? ORDER BY place LIMIT ?", (after, limit)
        )
        return [AuditLine(place, text) for place, text in rows]

    def drop(self, place: int) -> None:
        """Forget the lines up to it. Raises Unavailable."""
        self._run("DELETE FROM lines WHERE place <= ?", (place,))

    def close(self) -> None:
        """Later calls fail."""
        with self._lock:
            self._connection.close()

    def _run(self, statement: str, values: tuple[object, ...]) -> list[tuple[int, str]]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise self._unavailable(error) from error

    def _unavailable(self, error: sqlite3.Error | OSError) -> Unavailable:
        return Unavailable(
            f"The journal {self._name} cannot be used now: {error}.",
            hint="Check that its directory exists and is writable.",
        )


class JournalHandler(logging.Handler):
    """Has what the database tells its audit logger added to a journal. A line that cannot be is told on stderr."""

    def __init__(self, journal: AuditJournal) -> None:
        super().__init__(logging.INFO)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Add it."""
        try:
            self._journal.add(record.getMessage())
        except Unavailable:
            self.handleError(record)


def follow(journal: AuditJournal) -> JournalHandler:
    """Have everything that this process tells its audit logger in the journal from now on."""
    handler = JournalHandler(journal)
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    return handler
