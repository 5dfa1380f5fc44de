"""The change log in SQLite. Owns the tables `log` and the floors in `partitions`.

Writers are serialised by the file's write lock and a reader sees every commit before it, so here "no reader can miss
an entry" needs no assumption about clocks: an entry is refused as soon as it would land too far behind the head.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby

from quartzdb.adapters.embedded.sqlite_database import Row, SqliteDatabase
from quartzdb.adapters.embedded.sqlite_partitions import PartitionIds
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.domain.errors import Conflict, NamespaceNotFound
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import SEALED, LogPage, StampBehind

_FLOORS_MAX = 100_000
_DELETED_AT_ONCE_MAX = 1_000
"""Entries deleted in one transaction: a long trim must not keep writers waiting."""

# The floor and the keys in one statement, so that they are of one snapshot. The keys come from the unique index alone.
_KEYS = """
    SELECT e.stamp, e.writer, p.floor, p.row_sum FROM partitions p
    LEFT JOIN log e ON e.partition = p.id AND e.stamp > ? WHERE p.id = ? ORDER BY e.stamp, e.writer
    LIMIT ?
"""
_NO_LIMIT = -1
_BODIES = """
    SELECT stamp, writer, body, row_sum FROM log
    WHERE partition = ? AND (stamp, writer) >= (?, ?) AND (stamp, writer) <= (?, ?)
    ORDER BY stamp, writer
"""
_SINCE = (
    "SELECT stamp, writer, body, row_sum FROM log WHERE partition = ? AND stamp > ? ORDER BY stamp, writer"
)
_FLOOR = "SELECT floor, row_sum FROM partitions WHERE id = ?"
_HEAD = "SELECT floor, row_sum, (SELECT max(stamp) FROM log WHERE partition = p.id) FROM partitions p WHERE id = ?"
_BODY = "SELECT body, row_sum FROM log WHERE partition = ? AND stamp = ? AND writer = ?"
_APPEND = "INSERT INTO log (partition, stamp, writer, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
# A walk from one partition to the next along the index: entries are not counted through.
_PARTITIONS = """
    WITH RECURSIVE present (id) AS (
        SELECT min(partition) FROM log
        UNION ALL SELECT (SELECT min(partition) FROM log WHERE partition > present.id) FROM present WHERE id IS NOT NULL
    )
    SELECT name, floor, row_sum FROM present JOIN partitions USING (id) WHERE floor < ? ORDER BY name
"""


class SqliteChangeLog:
    """ChangeLog over a SqliteDatabase.

    `behind_max` is how far behind the head an append may land, in stamp units; it has to be less than the overlap
    with which readers look back.
    """

    def __init__(self, database: SqliteDatabase, *, behind_max: int) -> None:
        self._database = database
        self._behind_max = behind_max
        self._ids = PartitionIds(database)
        self._sound_floors: dict[Partition, tuple[int, int]] = {}

    @property
    def ordered(self) -> bool:
        """Whether an entry has to be later than the head."""
        return self._behind_max < 0

    def data_version(self) -> bytes | None:
        """Bytes that are others once anything was committed, in whatever partition, by whatever process."""
        return self._database.data_version()

    def append(self, partition: Partition, key: Version, body: bytes) -> None:
        """Commit one entry. Raises StampBehind, NamespaceNotFound (sealed) or Conflict (same key, another body)."""
        identity = self._ids.ensure(partition)
        self._database.write(lambda connection: self._insert(connection, identity, partition, key, body))

    def append_next(self, partition: Partition, body: bytes, key_after: Callable[[int], Version]) -> Version:
        """Commit one entry behind the head. Raises NamespaceNotFound (sealed)."""
        identity = self._ids.ensure(partition)

        def insert(connection: sqlite3.Connection) -> Version:
            _, head = self._open_head(connection, identity, partition)
            key = key_after(head)
            connection.execute(_APPEND, (identity, key.stamp, key.writer, body))
            return key

        return self._database.write(insert)

    def append_together(self, bodies: Mapping[Partition, bytes], key: Version) -> None:
        """Commit one entry in each partition in one transaction. Raises as `append` does; nothing is stored then."""
        identities = {partition: self._ids.ensure(partition) for partition in bodies}

        def insert(connection: sqlite3.Connection) -> None:
            for partition, body in bodies.items():
                self._insert(connection, identities[partition], partition, key, body)

        self._database.write(insert)

    def append_next_together(
        self, bodies: Mapping[Partition, bytes], key_after: Callable[[int], Version]
    ) -> Version:
        """Commit one entry in each partition behind all their heads. Raises NamespaceNotFound (sealed)."""
        identities = {partition: self._ids.ensure(partition) for partition in bodies}

        def insert(connection: sqlite3.Connection) -> Version:
            heads = [self._open_head(connection, identities[partition], partition)[1] for partition in bodies]
            key = key_after(max(heads))
            connection.executemany(
                _APPEND,
                [(identities[partition], key.stamp, key.writer, body) for partition, body in bodies.items()],
            )
            return key

        return self._database.write(insert)

    def append_next_if(
        self,
        bodies: Mapping[Partition, bytes],
        key_after: Callable[[int], Version],
        since: Mapping[Partition, int],
        holds: Callable[[Sequence[LogPage]], bool],
    ) -> Version | None:
        """Commit one entry in each partition behind all their heads, if `holds` accepts what came in between."""
        identities = {partition: self._ids.ensure(partition) for partition in bodies}

        def insert(connection: sqlite3.Connection) -> Version | None:
            pages: list[LogPage] = []
            highest = 0
            for partition, identity in identities.items():
                floor, head = self._open_head(connection, identity, partition)
                rows = (
                    connection.execute(_SINCE, (identity, since[partition]))
                    if head > since[partition]
                    else ()
                )
                pages.append(LogPage([self._sound_entry(identity, row) for row in rows], floor))
                highest = max(highest, head)
            if not holds(pages):
                return None
            key = key_after(highest)
            connection.executemany(
                _APPEND,
                [(identities[partition], key.stamp, key.writer, body) for partition, body in bodies.items()],
            )
            return key

        return self._database.write(insert)

    def fence(self, partition: Partition, key: Version) -> None:
        """Never: raises NotImplementedError. Ask `ordered` first."""
        raise NotImplementedError("Writers are serialised here: use append_next_if.")

    def append_fenced(self, bodies: Mapping[Partition, bytes], key: Version) -> bool:
        """Never: raises NotImplementedError, as `fence` does."""
        raise NotImplementedError("Writers are serialised here: use append_next_if.")

    def read(
        self,
        partition: Partition,
        after: int,
        known: Collection[Version] = (),
        *,
        bytes_max: int | None = None,
        entries_max: int | None = None,
    ) -> LogPage:
        """Every entry with a stamp > `after` that is not in `known`, or the first of them up to a limit."""
        identity = self._ids.find(partition)
        if identity is None:
            return LogPage((), 0)
        seen = known if isinstance(known, set | frozenset) else frozenset(known)
        # One more than wanted tells whether there is more; those that are known may all be among them.
        keys_max = _NO_LIMIT if entries_max is None else entries_max + len(seen) + 1
        rows = self._database.rows(_KEYS, (after, identity, keys_max))
        floor = self._sound_floor(partition, rows[0][2], rows[0][3])
        if rows[0][0] is None:
            return LogPage((), floor)
        unseen = [row[:2] not in seen for row in rows]
        if True not in unseen:
            return LogPage((), floor)
        cut = entries_max is not None and sum(unseen) > entries_max
        if cut:
            new = [place for place, is_new in enumerate(unseen) if is_new]
            unseen = unseen[: new[entries_max or 0]]
        # Bodies are fetched by runs of neighbouring new keys: for a warm reader that is one run at the end.
        runs = [list(run) for is_new, run in groupby(range(len(unseen)), key=unseen.__getitem__) if is_new]
        entries, more = self._bodies(
            identity, [(rows[run[0]][:2], rows[run[-1]][:2]) for run in runs], bytes_max
        )
        # Entries may have been trimmed since their keys were read. The floor is raised before they go, so a floor that
        # is read after them betrays every gap.
        return LogPage(entries, self._floor(identity, partition), more or cut)

    def trim(self, partition: Partition, upto: int) -> int:
        """Raise the floor to `upto`, then drop entries with a stamp <= it. Returns how many were dropped."""
        identity = self._ids.ensure(partition)
        self._raise_floor(identity, partition, upto)
        return self._delete(identity, upto)

    def seal(self, partition: Partition) -> None:
        """Raise the floor to SEALED and drop everything."""
        self.trim(partition, SEALED)

    def head(self, partition: Partition) -> int:
        """The highest stamp committed or trimmed to; 0 for none, and for a sealed log."""
        identity = self._ids.find(partition)
        if identity is None:
            return 0
        floor, head = self._head(partition, self._database.rows(_HEAD, (identity,))[0])
        return 0 if floor == SEALED else head

    def partitions(self) -> Sequence[Partition]:
        """Partitions that have entries and are not sealed."""
        found = []
        for name, floor, stored in self._database.rows(_PARTITIONS, (SEALED,)):
            require_sound(self._database.path, stored, name, floor)
            found.append(Partition.parse(name))
        return found

    def _insert(
        self, connection: sqlite3.Connection, identity: int, partition: Partition, key: Version, body: bytes
    ) -> None:
        floor, head = self._open_head(connection, identity, partition)
        behind = key.stamp <= floor or key.stamp < head - self._behind_max
        place = (identity, key.stamp, key.writer)
        if not behind and connection.execute(_APPEND, (*place, body)).rowcount:
            return
        there = connection.execute(_BODY, place).fetchone()
        if there is None:
            raise StampBehind(head)
        require_sound(self._database.path, there[1], *place, there[0])
        if there[0] != body:
            raise Conflict(f"The log entry {key} of {partition} exists with another body.")

    def _bodies(
        self, identity: int, runs: Sequence[tuple[Row, Row]], bytes_max: int | None
    ) -> tuple[list[tuple[Version, bytes]], bool]:
        """The entries of each run of keys (first, last) up to the one that passes `bytes_max`; whether more follow."""
        entries: list[tuple[Version, bytes]] = []
        size = 0
        for first, last in runs:
            for row in self._database.each(_BODIES, (identity, *first, *last)):
                if bytes_max is not None and size > bytes_max:
                    return entries, True
                entries.append(self._sound_entry(identity, row))
                size += len(row[2])
        return entries, False

    def _sound_entry(self, identity: int, row: Row) -> tuple[Version, bytes]:
        stamp, writer, body, stored = row
        require_sound(self._database.path, stored, identity, stamp, writer, body)
        return Version(stamp, writer), body

    def _raise_floor(self, identity: int, partition: Partition, upto: int) -> None:
        def update(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE partitions SET floor = max(floor, ?) WHERE id = ?", (upto, identity))

        if self._floor(identity, partition) < upto:
            self._database.write(update)

    def _floor(self, identity: int, partition: Partition) -> int:
        return self._sound_floor(partition, *self._database.rows(_FLOOR, (identity,))[0])

    def _sound_floor(self, partition: Partition, floor: int, stored: int) -> int:
        """The floor. Every read has it and it seldom changes, so what was compared is remembered. Raises Corrupted."""
        if self._sound_floors.get(partition) != (floor, stored):
            require_sound(self._database.path, stored, str(partition), floor)
            if len(self._sound_floors) >= _FLOORS_MAX:
                self._sound_floors = {}
            self._sound_floors[partition] = floor, stored
        return floor

    def _open_head(
        self, connection: sqlite3.Connection, identity: int, partition: Partition
    ) -> tuple[int, int]:
        floor, head = self._head(partition, connection.execute(_HEAD, (identity,)).fetchone())
        if floor == SEALED:
            raise NamespaceNotFound(
                f"The namespace {partition.namespace!r} was deleted while it was written to.",
                field="namespace",
                hint="Create it again, then repeat the write.",
            )
        return floor, head

    def _head(self, partition: Partition, row: Row) -> tuple[int, int]:
        """(floor, head): what was trimmed counts, or a writer could start again below it."""
        floor, last = self._sound_floor(partition, row[0], row[1]), row[2]
        return floor, max(floor, last or 0)

    def _delete(self, identity: int, upto: int) -> int:
        def delete(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "DELETE FROM log WHERE rowid IN"
                " (SELECT rowid FROM log WHERE partition = ? AND stamp <= ? ORDER BY stamp LIMIT ?)",
                (identity, upto, _DELETED_AT_ONCE_MAX),
            ).rowcount

        total = 0
        while True:
            deleted = self._database.write(delete)
            total += deleted
            if deleted < _DELETED_AT_ONCE_MAX:
                break
        if total:
            self._database.give_back()
        return total
