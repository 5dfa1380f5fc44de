"""The journal of usage lines, in a SQLite file of its own: on one machine, what a platform is told of requests.

No request waits for it. Lines are taken from memory and written by a thread, in one transaction for all that came
meanwhile; a line that was written survives a power cut.

HAZARD: a process that is killed loses what it has taken and not written: what comes between two calls of `write`.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from quartzdb.adapters.embedded.sqlite_connection import connect
from quartzdb.domain.errors import Unavailable

logger = logging.getLogger(__name__)

LINES_HELD_MAX = 100_000
"""Lines that wait to be written, some 50 MB: while the disk is full, what comes beyond them is lost, and counted."""
LINES_KEPT_MAX = 1_000_000
"""Lines in the file, some 350 MB, where nobody reads them: then the oldest make room, and the log says so."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS lines (number INTEGER PRIMARY KEY AUTOINCREMENT, line BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS identity (one INTEGER PRIMARY KEY CHECK (one = 1), text TEXT NOT NULL) STRICT",
    "INSERT OR IGNORE INTO identity VALUES (1, lower(hex(randomblob(8))))",
)
# Numbers have no gaps: lines are dropped from the front alone.
_MAKE_ROOM = "DELETE FROM lines WHERE number <= (SELECT max(number) FROM lines) - ?"
_BUSY_SECONDS = 10.0


class SqliteUsageJournal:
    """Several processes may open the same file. `take` is for the event loop, the rest for threads."""

    def __init__(
        self, path: Path, *, lines_held_max: int = LINES_HELD_MAX, lines_kept_max: int = LINES_KEPT_MAX
    ) -> None:
        self._held: deque[bytes] = deque()
        self._lines_held_max = lines_held_max
        self._lines_kept_max = lines_kept_max
        self._lost = 0
        self._told = False
        self._lock = threading.Lock()
        try:
            self._connection = connect(path, busy_seconds=_BUSY_SECONDS, synchronous="FULL")
            # Lines have names of namespaces: what is forgotten must not stay in free pages.
            self._connection.execute("PRAGMA secure_delete = ON")
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self.identity: str = self._connection.execute("SELECT text FROM identity").fetchone()[0]
            """Of this journal: one that was deleted and begun anew is another."""
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(
                f"The usage journal {path.name} could not be opened: {error}.",
                hint="Check that its directory exists and is writable.",
            ) from error

    @property
    def lost(self) -> int:
        """Lines for which there was no room."""
        return self._lost

    def take(self, line: bytes) -> None:
        """Keep a line, soon. Never waits, never raises."""
        if len(self._held) < self._lines_held_max:
            self._held.append(line)
        else:
            self._lost += 1

    def write(self) -> int:
        """Write the lines that were taken: how many. What could not be written is kept. Raises Unavailable."""
        with self._lock:
            lines = [self._held.popleft() for _ in range(len(self._held))]
            if not lines:
                return 0
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("INSERT INTO lines (line) VALUES (?)", ((one,) for one in lines))
                dropped = self._connection.execute(_MAKE_ROOM, (self._lines_kept_max,)).rowcount
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._held.extendleft(reversed(lines))
                raise Unavailable(
                    f"The usage journal cannot be written: {error}. {len(lines)} lines wait, {self._lost} were lost."
                ) from error
        if dropped and not self._told:
            self._told = True
            logger.error(
                "nobody reads the usage journal: it has %d lines, and the oldest make room for others",
                self._lines_kept_max,
            )
        return len(lines)

    def read(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """At most so many lines beyond a number, with their numbers, in order. Raises Unavailable."""
        statement = "SELECT number, line FROM lines WHERE number > ? ORDER BY number LIMIT ?"
        with self._lock:
            try:
                return self._connection.execute(statement, (after, limit)).fetchall()
            except sqlite3.Error as error:
                raise Unavailable(f"The usage journal cannot be read: {error}.") from error

    def forget(self, up_to: int) -> None:
        """Drop the lines up to that number, which somebody else keeps now: from the file as well, and from its log once
        there are no others. Raises Unavailable.
        """
        with self._lock:
            try:
                self._connection.execute("DELETE FROM lines WHERE number <= ?", (up_to,))
                if self._connection.execute("SELECT 1 FROM lines LIMIT 1").fetchone() is None:
                    # Where a reader is in the way it stays for now, and goes with the next lines.
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error as error:
                raise Unavailable(f"The usage journal cannot be changed: {error}.") from error

    def close(self) -> None:
        """Write what is held. Later calls fail."""
        self.write()
        with self._lock:
            self._connection.close()
