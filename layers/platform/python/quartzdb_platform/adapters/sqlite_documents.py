"""Documents in one SQLite file. Owns the file: the platform of one machine.

One connection serves all threads in turn: people sign in and change things here, and no request of the database waits
for it. An acknowledged transaction survives a power cut.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from quartzdb.adapters.embedded.sqlite_connection import connect
from quartzdb.domain.errors import Unavailable
from quartzdb_platform.ports import Change, Delete, Document, Put

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    pk TEXT NOT NULL, sk TEXT NOT NULL, body TEXT NOT NULL, revision INTEGER NOT NULL, expires_at_ms INTEGER,
    PRIMARY KEY (pk, sk)
) WITHOUT ROWID, STRICT
"""
_COLUMNS = "pk, sk, body, revision, expires_at_ms"
_GET = f"SELECT {_COLUMNS} FROM documents WHERE pk = ? AND sk = ?"
_FORWARD = (
    f"SELECT {_COLUMNS} FROM documents WHERE pk = ? AND sk > ? AND sk >= ? AND sk < ? ORDER BY sk LIMIT ?"
)
_BACKWARD = f"SELECT {_COLUMNS} FROM documents WHERE pk = ? AND sk < ? AND sk >= ? AND sk < ? ORDER BY sk DESC LIMIT ?"
_REVISION = "SELECT revision FROM documents WHERE pk = ? AND sk = ?"
_PARTITIONS = "SELECT pk FROM documents WHERE sk = ? ORDER BY pk"
_PUT = f"INSERT OR REPLACE INTO documents ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM documents WHERE pk = ? AND sk = ?"
_EXPIRING = "CREATE INDEX IF NOT EXISTS expiring ON documents (expires_at_ms) WHERE expires_at_ms IS NOT NULL"
_PURGE = "DELETE FROM documents WHERE expires_at_ms <= ?"
_BUSY_SECONDS = 10.0
_LAST = "\U0010ffff"


class SqliteDocuments:
    """DocumentTable. Several processes may open the same file."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._connection = connect(path, busy_seconds=_BUSY_SECONDS, synchronous="FULL")
            self._connection.execute("PRAGMA secure_delete = ON")
            self._connection.execute(_SCHEMA)
            self._connection.execute(_EXPIRING)
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(
                f"The platform's database {path.name} could not be opened: {error}.",
                hint="Check that its directory exists and is writable.",
            ) from error

    def get(self, pk: str, sk: str) -> Document | None:
        """The document. Raises Unavailable."""
        rows = self._rows(_GET, (pk, sk))
        return _document(rows[0]) if rows else None

    def query(
        self, pk: str, prefix: str, *, limit: int, after: str | None = None, reverse: bool = False
    ) -> Sequence[Document]:
        """At most `limit` documents whose sort key begins so, in its order, beyond `after`. Raises Unavailable."""
        statement = _BACKWARD if reverse else _FORWARD
        beyond = after if after is not None else _LAST if reverse else ""
        return [_document(row) for row in self._rows(statement, (pk, beyond, prefix, prefix + _LAST, limit))]

    def transact(self, changes: Sequence[Change]) -> bool:
        """All of the changes or none: then False. Raises Unavailable."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    done = all(self._apply(change) for change in changes)
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT" if done else "ROLLBACK")
            except sqlite3.Error as error:
                raise _unavailable(error) from error
        return done

    def purge(self, now_ms: int) -> int:
        """Drop what has expired, as DynamoDB does by itself; how many documents. Raises Unavailable."""
        with self._lock:
            try:
                return self._connection.execute(_PURGE, (now_ms,)).rowcount
            except sqlite3.Error as error:
                raise _unavailable(error) from error

    def scrub(self) -> bool:
        """Leave nothing of deleted documents in files: deleted rows are overwritten as they go, and the write-ahead log
        is emptied here. False where a reader is in the way. Raises Unavailable.
        """
        ((busy, *_),) = self._rows("PRAGMA wal_checkpoint(TRUNCATE)", ())
        return not busy

    def partitions_with(self, sk: str) -> Sequence[str]:
        """Partitions that have a document of that sort key. Reads all of the file. Raises Unavailable."""
        with self._lock:
            try:
                return [pk for (pk,) in self._connection.execute(_PARTITIONS, (sk,))]
            except sqlite3.Error as error:
                raise _unavailable(error) from error

    def close(self) -> None:
        """Later calls fail."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> SqliteDocuments:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _apply(self, change: Change) -> bool:
        found = self._connection.execute(_REVISION, (change.pk, change.sk)).fetchone()
        if (found[0] if found else None) != change.expected:
            return False
        if isinstance(change, Put):
            body = json.dumps(change.body, separators=(",", ":"))
            revision = (change.expected or 0) + 1
            self._connection.execute(_PUT, (change.pk, change.sk, body, revision, change.expires_at_ms))
        elif isinstance(change, Delete):
            self._connection.execute(_DELETE, (change.pk, change.sk))
        return True

    def _rows(
        self, statement: str, values: tuple[object, ...]
    ) -> list[tuple[str, str, str, int, int | None]]:
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise _unavailable(error) from error


def _document(row: tuple[str, str, str, int, int | None]) -> Document:
    pk, sk, body, revision, expires_at_ms = row
    return Document(pk, sk, json.loads(body), revision, expires_at_ms)


def _unavailable(error: sqlite3.Error) -> Unavailable:
    return Unavailable(
        f"The platform's database cannot be used now: {error}.", hint="Try again; the server's log has more."
    )
