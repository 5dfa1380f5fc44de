"""The catalog of namespaces in SQLite. Owns the tables `namespaces` and `pending_deletions`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import takewhile

from quartzdb.adapters.embedded.sqlite_database import Row, SqliteDatabase
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.adapters.namespace_document import decode_namespace, encode_namespace
from quartzdb.domain.namespace import Namespace

_COLUMNS = "tenant, name, generation, document, row_sum"
_GET = f"SELECT {_COLUMNS} FROM namespaces WHERE tenant = ? AND name = ?"
_CREATE = (
    "INSERT INTO namespaces (tenant, name, generation, document) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_LIST = f"SELECT {_COLUMNS} FROM namespaces WHERE tenant = ? AND name >= ? AND name > ? ORDER BY name LIMIT ?"
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM namespaces WHERE tenant = ? LIMIT ?)"
_REMOVE = "DELETE FROM namespaces WHERE tenant = ? AND name = ? AND generation = ?"
_MARK_DELETED = (
    "INSERT INTO pending_deletions (tenant, name, generation, document) VALUES (?, ?, ?, ?) "
    "ON CONFLICT DO NOTHING"
)
_FORGET_DELETED = "DELETE FROM pending_deletions WHERE tenant = ? AND name = ? AND generation = ?"


class SqliteCatalog:
    """NamespaceCatalog over a SqliteDatabase."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def get(self, tenant: str, name: str) -> Namespace | None:
        """The namespace, if there is one."""
        rows = self._database.rows(_GET, (tenant, name))
        return self._namespace(rows[0]) if rows else None

    def create(self, namespace: Namespace) -> Namespace:
        """Add it if the name is free; returns what the catalog has afterwards."""
        row = (namespace.tenant, namespace.name, namespace.generation, encode_namespace(namespace))

        def insert(connection: sqlite3.Connection) -> Row:
            connection.execute(_CREATE, row)
            found: Row = connection.execute(_GET, row[:2]).fetchone()
            return found

        return self._namespace(self._database.write(insert))

    def declare(self, namespace: Namespace) -> Namespace | None:
        """Have that generation declare the fields of this one, unless it declares any."""
        place = (namespace.tenant, namespace.name)

        def replace(connection: sqlite3.Connection) -> Namespace | None:
            row = connection.execute(_GET, place).fetchone()
            there = None if row is None else self._namespace(row)
            if there is None or there.generation != namespace.generation:
                return None
            declaring = there.declaring(namespace.settings)
            connection.execute(_REMOVE, (*place, there.generation))
            connection.execute(_CREATE, (*place, there.generation, encode_namespace(declaring)))
            return declaring

        return self._database.write(replace)

    def list(self, tenant: str, *, prefix: str, after: str | None, limit: int) -> Sequence[Namespace]:
        """In name order, after a name."""
        # Names with the prefix are neighbours, and nothing sorts between the prefix itself and the first of them.
        rows = self._database.rows(_LIST, (tenant, prefix, after or "", limit))
        return list(takewhile(lambda n: n.name.startswith(prefix), map(self._namespace, rows)))

    def count(self, tenant: str, limit: int) -> int:
        """How many there are; `limit` where there are more. Decodes none."""
        ((counted,),) = self._database.rows(_COUNT, (tenant, limit))
        return int(counted)

    def remove(self, namespace: Namespace) -> bool:
        """Remove exactly this generation and remember it as pending deletion. False where it is not there any more."""
        place = (namespace.tenant, namespace.name, namespace.generation)
        document = encode_namespace(namespace)

        def move(connection: sqlite3.Connection) -> bool:
            if not connection.execute(_REMOVE, place).rowcount:
                return False
            connection.execute(_MARK_DELETED, (*place, document))
            return True

        return self._database.write(move)

    def pending_deletion(self) -> Sequence[Namespace]:
        """Removed generations whose data may still have to be dropped."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM pending_deletions ORDER BY tenant, name, generation"
        )
        return [self._namespace(row) for row in rows]

    def forget_deleted(self, namespace: Namespace) -> None:
        """A deleted generation's data is gone: forget it."""
        place = (namespace.tenant, namespace.name, namespace.generation)
        self._database.write(lambda connection: connection.execute(_FORGET_DELETED, place).rowcount)

    def all_namespaces(self) -> Sequence[Namespace]:
        """Every namespace of every tenant."""
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM namespaces ORDER BY tenant, name")
        return [self._namespace(row) for row in rows]

    def _namespace(self, row: Row) -> Namespace:
        *values, stored = row
        require_sound(self._database.path, stored, *values)
        return decode_namespace(values[-1])
