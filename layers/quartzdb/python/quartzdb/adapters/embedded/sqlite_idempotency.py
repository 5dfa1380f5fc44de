"""Answers to requests with an idempotency key, in SQLite. Owns the table `answers`.

`lapses_at_ms` is the end of the claim while a request runs, and the end of the answer once it has one.
"""

from __future__ import annotations

import json
import sqlite3

from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.adapters.embedded.sqlite_schema import ANSWER_COLUMNS
from quartzdb.services.ports import StoredAnswer

_GET = f"""
    SELECT {", ".join(ANSWER_COLUMNS)}, row_sum FROM answers WHERE tenant = ? AND key = ? AND lapses_at_ms > ?
"""
# REPLACE: what is there has lapsed, and nothing of it may shine through.
_CLAIM = "INSERT OR REPLACE INTO answers (tenant, key, fingerprint, lapses_at_ms, keep_until_ms) VALUES (?, ?, ?, ?, ?)"
_FINISH = """
    UPDATE answers SET lapses_at_ms = keep_until_ms, status = ?, body = ?, content_type = ?, headers = ?
    WHERE tenant = ? AND key = ? AND fingerprint = ? AND status IS NULL
"""
_ABANDON = "DELETE FROM answers WHERE tenant = ? AND key = ? AND status IS NULL"
_PURGE = """
    DELETE FROM answers WHERE rowid IN (SELECT rowid FROM answers WHERE lapses_at_ms <= ? LIMIT ?)
"""
_DELETED_AT_ONCE_MAX = 1_000


class SqliteIdempotency:
    """IdempotencyTable over a SqliteDatabase."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def begin(
        self, tenant: str, key: str, fingerprint: bytes, now_ms: int, claim_ms: int, ttl_ms: int
    ) -> StoredAnswer | None:
        """Claim the key for a request: None means go on."""
        claim = (tenant, key, fingerprint, now_ms + claim_ms, now_ms + ttl_ms)

        def claim_or_find(connection: sqlite3.Connection) -> StoredAnswer | None:
            row = connection.execute(_GET, (tenant, key, now_ms)).fetchone()
            if row is None:
                connection.execute(_CLAIM, claim)
                return None
            *values, stored = row
            require_sound(self._database.path, stored, *values)
            found, _, _, status, body, content_type, headers = values[2:]
            if status is None:
                return StoredAnswer(found)
            pairs = tuple((name, value) for name, value in json.loads(headers))
            return StoredAnswer(found, status, body, content_type, pairs)

        return self._database.write(claim_or_find)

    def finish(self, tenant: str, key: str, answer: StoredAnswer) -> None:
        """Record the outcome, unless the claim lapsed and another request has taken the key."""
        outcome = (answer.status, answer.body, answer.content_type, json.dumps(answer.headers))
        row = (*outcome, tenant, key, answer.fingerprint)
        self._database.write(lambda connection: connection.execute(_FINISH, row).rowcount)

    def abandon(self, tenant: str, key: str) -> None:
        """The claimed request changed nothing: free the key."""
        self._database.write(lambda connection: connection.execute(_ABANDON, (tenant, key)).rowcount)

    def purge(self, now_ms: int) -> int:
        """Drop what has lapsed. Returns how many."""
        total = 0
        while True:
            dropped = self._database.write(
                lambda c: c.execute(_PURGE, (now_ms, _DELETED_AT_ONCE_MAX)).rowcount
            )
            total += dropped
            if dropped < _DELETED_AT_ONCE_MAX:
                return total
