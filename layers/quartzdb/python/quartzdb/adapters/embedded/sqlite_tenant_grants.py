"""Grants of tenants in SQLite. Owns the table `grants`: one JSON document each."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.adapters.embedded.sqlite_database import Row, SqliteDatabase
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.adapters.stored_grant import stored_grant
from quartzdb.domain.grant import TenantGrant, grant_text

_GET = "SELECT tenant, revision, document, row_sum FROM grants WHERE tenant = ?"
_LIST = "SELECT tenant, revision, document, row_sum FROM grants ORDER BY tenant"
_PUT = """
INSERT INTO grants (tenant, revision, document) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET revision = excluded.revision, document = excluded.document
WHERE grants.revision < excluded.revision
"""
_FORGET = "DELETE FROM grants WHERE tenant = ? AND revision = ?"


class SqliteTenantGrants:
    """TenantGrants over a SqliteDatabase."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def get(self, tenant: str) -> TenantGrant | None:
        """The grant, if anything was said about the tenant."""
        rows = self._database.rows(_GET, (tenant,))
        return self._grant(rows[0]) if rows else None

    def put(self, grant: TenantGrant) -> bool:
        """Store it unless one as late is there; whether it was stored."""
        row = (grant.tenant, grant.revision, grant_text(grant))
        return self._database.write(lambda connection: connection.execute(_PUT, row).rowcount > 0)

    def list(self) -> Sequence[TenantGrant]:
        """All of them, in the order of their tenants."""
        return [self._grant(row) for row in self._database.rows(_LIST)]

    def forget(self, grant: TenantGrant) -> bool:
        """Remove the grant, if it is still the one at this revision; whether it was."""
        row = (grant.tenant, grant.revision)
        return self._database.write(lambda connection: connection.execute(_FORGET, row).rowcount > 0)

    def _grant(self, row: Row) -> TenantGrant:
        *values, stored = row
        require_sound(self._database.path, stored, *values)
        return stored_grant(*values)
