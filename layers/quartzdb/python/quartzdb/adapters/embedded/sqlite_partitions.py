"""Short integer ids for partitions, so that each row of a log or table carries eight bytes instead of a long name.

An id is never given out twice and its row never goes away, so that a process may remember it: see sqlite_schema.
"""

from __future__ import annotations

import sqlite3

from quartzdb.adapters.embedded.sqlite_database import Row, SqliteDatabase
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import Partition

_FIND = "SELECT id, name, floor, row_sum FROM partitions WHERE name = ?"
_REMEMBERED_MAX = 100_000
"""Ids one process remembers; past it they are looked up anew, so that years of short-lived namespaces do no harm."""


class PartitionIds:
    """The ids as this process knows them. Safe from several threads: a dictionary only ever gains facts."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._known: dict[Partition, int] = {}

    def find(self, partition: Partition) -> int | None:
        """The id, or None for a partition that was never written to."""
        known = self._known.get(partition)
        if known is not None:
            return known
        rows = self._database.rows(_FIND, (str(partition),))
        return self._remember(partition, self._sound(rows[0])) if rows else None

    def ensure(self, partition: Partition) -> int:
        """The id, given out now if need be.

        Committed on its own: an id from a transaction that is rolled back would be given to another partition, and
        whoever remembered it would write into that one.
        """
        found = self.find(partition)
        if found is not None:
            return found
        name = str(partition)

        def insert(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO partitions (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
            row = connection.execute(_FIND, (name,)).fetchone()
            if row is None:
                raise Corrupted(
                    f"The database {self._database.path.name} has lost the partition {name}.",
                    hint="Run `quartzdb verify`, keep a copy of the file and restore it from a backup.",
                )
            return self._sound(row)

        return self._remember(partition, self._database.write(insert))

    def _sound(self, row: Row) -> int:
        # An index that leads to another row would make another partition's data this one's.
        identity, name, floor, stored = row
        require_sound(self._database.path, stored, name, floor)
        return int(identity)

    def _remember(self, partition: Partition, identity: int) -> int:
        if len(self._known) >= _REMEMBERED_MAX:
            self._known = {}
        self._known[partition] = identity
        return identity
