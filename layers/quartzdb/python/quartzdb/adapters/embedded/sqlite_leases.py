"""Leases in SQLite. Owns the table `leases`."""

from __future__ import annotations

from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase

_OTHERS = "SELECT 1 FROM leases WHERE name = ? AND holder <> ? AND until_ms > ?"
_ACQUIRE = """
    INSERT INTO leases (name, holder, until_ms) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
    WHERE holder = excluded.holder OR until_ms <= ?
"""
_RELEASE = "DELETE FROM leases WHERE name = ? AND holder = ?"


class SqliteLeases:
    """Leases over a SqliteDatabase."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def acquire(self, name: str, owner: str, now_ms: int, ttl_ms: int) -> bool:
        """Take or renew the lease unless another owner's is still running."""
        # Asked first without writing: processes that wait for a lease ask often and should cost no commit.
        if self._database.rows(_OTHERS, (name, owner, now_ms)):
            return False
        lease = (name, owner, now_ms + ttl_ms, now_ms)
        return self._database.write(lambda connection: connection.execute(_ACQUIRE, lease).rowcount > 0)

    def release(self, name: str, owner: str) -> None:
        """Give it back; nothing happens where another has it."""
        self._database.write(lambda connection: connection.execute(_RELEASE, (name, owner)).rowcount)
