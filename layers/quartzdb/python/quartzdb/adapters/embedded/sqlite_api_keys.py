"""API keys in SQLite. Owns the table `api_keys`, which never holds a secret."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from quartzdb.adapters.embedded.sqlite_database import Row, SqliteDatabase
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.adapters.embedded.sqlite_schema import API_KEY_COLUMNS
from quartzdb.domain.errors import Conflict
from quartzdb.services.ports import BROWSER, BROWSER_KEY_KEPT_MS, ApiKey

_COLUMNS = ", ".join(API_KEY_COLUMNS)
_GET = f"SELECT {_COLUMNS}, row_sum FROM api_keys WHERE id = ?"
_LIST = f"SELECT {_COLUMNS}, row_sum FROM api_keys WHERE tenant = ? ORDER BY created_at_ms, id"
_ADD = f"INSERT INTO api_keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_REVOKE = "UPDATE api_keys SET revoked_at_ms = coalesce(revoked_at_ms, ?) WHERE id = ? AND tenant = ?"
_EXPIRE = """
UPDATE api_keys SET expires_at_ms = min(coalesce(expires_at_ms, ?1), ?1) WHERE id = ?2 AND tenant = ?3
"""
_USED = """
UPDATE api_keys SET last_used_at_ms = ?1 WHERE id = ?2 AND (last_used_at_ms IS NULL OR last_used_at_ms < ?1)
"""
_DROP_ENDED = f"DELETE FROM api_keys WHERE created_by = '{BROWSER}' AND expires_at_ms <= ?"
_FORGET = "DELETE FROM api_keys WHERE id = ? AND tenant = ? AND revoked_at_ms IS NOT NULL"


class SqliteApiKeys:
    """ApiKeyTable over a SqliteDatabase."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def get(self, key_id: str) -> ApiKey | None:
        """The key, revoked and expired ones included."""
        rows = self._database.rows(_GET, (key_id,))
        return self._api_key(rows[0]) if rows else None

    def add(self, key: ApiKey) -> None:
        """Store a new key. Raises Conflict where its id is taken. With one of a browser those that ended before go."""
        scopes = json.dumps(sorted(key.scopes))
        times = (key.created_at_ms, key.expires_at_ms, key.revoked_at_ms)
        namespaces = None if key.namespaces is None else json.dumps(sorted(key.namespaces))
        row = (
            key.id,
            key.tenant,
            key.name,
            scopes,
            key.secret_sha256,
            *times,
            namespaces,
            key.created_by,
            key.last_used_at_ms,
        )

        def insert(connection: sqlite3.Connection) -> None:
            if not connection.execute(_ADD, row).rowcount:
                raise Conflict(f"An API key with the id {key.id!r} exists.", hint="Choose another id.")
            if key.of_browser:
                connection.execute(_DROP_ENDED, (key.created_at_ms - BROWSER_KEY_KEPT_MS,))

        self._database.write(insert)

    def list(self, tenant: str) -> Sequence[ApiKey]:
        """A tenant's keys by creation time."""
        return [self._api_key(row) for row in self._database.rows(_LIST, (tenant,))]

    def revoke(self, tenant: str, key_id: str, at_ms: int) -> bool:
        """Revoke it; False where the tenant has no such key."""
        return self._database.write(lambda c: c.execute(_REVOKE, (at_ms, key_id, tenant)).rowcount > 0)

    def expire(self, tenant: str, key_id: str, at_ms: int) -> bool:
        """Have it end then or sooner; False where the tenant has no such key."""
        return self._database.write(lambda c: c.execute(_EXPIRE, (at_ms, key_id, tenant)).rowcount > 0)

    def note_used(self, key_id: str, at_ms: int) -> None:
        """It was used then: the latest of several times stays."""
        self._database.write(lambda c: c.execute(_USED, (at_ms, key_id)))

    def forget(self, key: ApiKey) -> bool:
        """Remove a revoked key; False for one that was not revoked, or is not there."""
        return self._database.write(lambda c: c.execute(_FORGET, (key.id, key.tenant)).rowcount > 0)

    def _api_key(self, row: Row) -> ApiKey:
        *values, stored = row
        require_sound(self._database.path, stored, *values)
        return _api_key(values)


def _api_key(row: Sequence[Any]) -> ApiKey:
    (
        key_id,
        tenant,
        name,
        scopes,
        secret_sha256,
        created_at_ms,
        expires_at_ms,
        revoked_at_ms,
        namespaces,
        created_by,
        last_used_at_ms,
    ) = row
    return ApiKey(
        id=key_id,
        tenant=tenant,
        name=name,
        scopes=frozenset(json.loads(scopes)),
        secret_sha256=secret_sha256,
        created_at_ms=created_at_ms,
        expires_at_ms=expires_at_ms,
        revoked_at_ms=revoked_at_ms,
        namespaces=None if namespaces is None else frozenset(json.loads(namespaces)),
        created_by=created_by,
        last_used_at_ms=last_used_at_ms,
    )
