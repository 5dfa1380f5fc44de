"""The key-value table in SQLite. Owns the table `items`.

Keys are stored as UTF-8 bytes, whose order is the order of code points; prefixes are ranges of bytes, never LIKE or
GLOB patterns. A value is read only where its bytes are asked for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from quartzdb.adapters.embedded.sqlite_database import Row, SqliteDatabase
from quartzdb.adapters.embedded.sqlite_partitions import PartitionIds
from quartzdb.adapters.embedded.sqlite_row_sums import require_sound
from quartzdb.domain.hlc import Version
from quartzdb.domain.limits import KV_BATCH_ITEMS_MAX
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import Beside, Expect, Item, KeyPage, PutOutcome

_DELETED_AT_ONCE_MAX = 1_000
"""Items deleted in one transaction: dropping a namespace must not keep writers waiting."""
_WALKED_AT_ONCE = 1_000
_PAST_EVERY_KEY = b"\xff"
"""A byte that UTF-8 never has: prefix + this lies after every key with the prefix, whatever its last code point."""
_BATCHES = (1, 16, 256)
"""Keys per SELECT. Few sizes, so that few statements are prepared; a short batch repeats its last key."""

_COLUMNS = "key, stamp, writer, appended, content_type, expires_at_ms, bytes, partition, row_sum"
_WITH_VALUE = f"SELECT {_COLUMNS}, value_sum, value FROM items"
_WITHOUT_VALUE = f"SELECT {_COLUMNS}, NULL, CASE WHEN bytes IS NULL THEN NULL ELSE x'' END FROM items"
_GET = {n: f"{_WITH_VALUE} WHERE partition = ? AND key IN ({', '.join('?' * n)})" for n in _BATCHES}
_PREVIOUS = f"{_WITHOUT_VALUE} WHERE partition = ? AND key = ?"
_PUT = """
    INSERT INTO items (partition, key, stamp, writer, appended, expires_at_ms, bytes, content_type, value)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (partition, key) DO UPDATE SET stamp = excluded.stamp, writer = excluded.writer,
        appended = excluded.appended, expires_at_ms = excluded.expires_at_ms, bytes = excluded.bytes,
        content_type = excluded.content_type, value = excluded.value
"""
_LIVE = "bytes IS NOT NULL AND (expires_at_ms IS NULL OR expires_at_ms > ?)"
_PAGE = f" WHERE partition = ? AND key >= ? AND key < ? AND key > ? AND {_LIVE} ORDER BY key LIMIT ?"
_NEXT = " WHERE partition = ? AND key > ? ORDER BY key LIMIT ?"
# A page ends where the last item's stamp ends: a caller that goes on from that stamp would miss what shares it.
_CHANGES = f"""
    {_WITH_VALUE} WHERE partition = ? AND appended > ? AND appended <= min(?, coalesce((
        SELECT appended FROM items WHERE partition = ? AND appended > ? ORDER BY appended LIMIT 1 OFFSET ?
    ), ?)) ORDER BY appended, key
"""
_COUNT = (
    f"SELECT count(*), total(bytes) FROM items INDEXED BY items_by_appended WHERE partition = ? AND {_LIVE}"
)
_EXPIRED = "SELECT id FROM items WHERE partition = ? AND expires_at_ms < ? AND bytes IS NOT NULL LIMIT ?"
# Without the hint SQLite prefers the larger index and walks through every older item.
_DELETED = """
    SELECT id FROM items INDEXED BY items_deleted WHERE partition = ? AND appended < ? AND bytes IS NULL LIMIT ?
"""
_HEAD = "SELECT max(appended) FROM items INDEXED BY items_by_appended WHERE partition = ?"
_ANY = "SELECT id FROM items WHERE partition = ? LIMIT ?"


class _Notes(NamedTuple):
    """What is stored beside an item, and under which id of a partition."""

    identity: int
    beside: Beside


class SqliteKeyValue:
    """KeyValueTable over a SqliteDatabase. `ordered`: items are appended in the order in which they are committed."""

    def __init__(self, database: SqliteDatabase, *, ordered: bool = False) -> None:
        self._database = database
        self._ids = PartitionIds(database)
        self._ordered = ordered

    @property
    def ordered(self) -> bool:
        """Whether `appended` is made under the write lock."""
        return self._ordered

    def head(self, partition: Partition) -> int:
        """The highest `appended` of an item; 0 for none."""
        identity = self._ids.find(partition)
        return 0 if identity is None else int(self._database.rows(_HEAD, (identity,))[0][0] or 0)

    @property
    def batch_items_max(self) -> int:
        """No limit of its own: what the service accepts."""
        return KV_BATCH_ITEMS_MAX

    def get(self, partition: Partition, keys: Sequence[str]) -> Mapping[str, Item]:
        """The items of those keys that have one, tombstones and expired ones included."""
        identity = self._ids.find(partition)
        if identity is None:
            return {}
        items: dict[str, Item] = {}
        for start in range(0, len(keys), _BATCHES[-1]):
            some = [_encoded(key) for key in keys[start : start + _BATCHES[-1]]]
            size = next(size for size in _BATCHES if size >= len(some))
            some.extend(some[-1:] * (size - len(some)))
            for row in self._database.rows(_GET[size], (identity, *some)):
                item = _item(row, self._database.path)
                items[item.key] = item
        return items

    def put(
        self, partition: Partition, item: Item, expect: Expect | None = None, *, beside: Beside | None = None
    ) -> PutOutcome:
        """Store the item if `expect` holds and no stored version is later or equal."""
        identity = self._ids.ensure(partition)
        notes = self._notes(partition, beside)
        return self._database.write(
            lambda connection: self._put(
                connection, identity, item, expect, self._after(connection, identity), notes
            )
        )

    def put_many(
        self, partition: Partition, items: Sequence[Item], *, beside: Beside | None = None
    ) -> Sequence[PutOutcome]:
        """Store each as `put` would, in order: all of them or none."""
        if not items:
            return []
        identity = self._ids.ensure(partition)
        notes = self._notes(partition, beside)

        def put(connection: sqlite3.Connection) -> list[PutOutcome]:
            after = self._after(connection, identity)
            return [self._put(connection, identity, item, None, after, notes) for item in items]

        return self._database.write(put)

    def list(
        self, partition: Partition, *, prefix: str, after: str | None, limit: int, now_ms: int, values: bool
    ) -> KeyPage:
        """Live items whose key has the prefix, by code point, after a key."""
        identity = self._ids.find(partition)
        if identity is None:
            return KeyPage([], False)
        low = _encoded(prefix)
        # No key is empty, so "after the empty key" is the beginning.
        place = _encoded(after or "")
        rows = self._database.rows(
            (_WITH_VALUE if values else _WITHOUT_VALUE) + _PAGE,
            (identity, low, low + _PAST_EVERY_KEY, place, now_ms, limit + 1),
        )
        return KeyPage([_item(row, self._database.path) for row in rows[:limit]], len(rows) > limit)

    def changes(self, partition: Partition, after: int, upto: int, limit: int) -> Sequence[Item]:
        """Items with after < `appended` <= upto, in that order; past `limit` only what shares the last one's stamp."""
        identity = self._ids.find(partition)
        if identity is None:
            return []
        place = (identity, after, upto, identity, after, limit - 1, upto)
        return [_item(row, self._database.path) for row in self._database.rows(_CHANGES, place)]

    def all_items(self, partition: Partition) -> Iterator[Item]:
        """Every item, tombstones and expired ones included, in the order of the keys, without values."""
        identity = self._ids.find(partition)
        place = b""
        while identity is not None:
            # Block by block, so that a long walk holds no transaction open.
            rows = self._database.rows(_WITHOUT_VALUE + _NEXT, (identity, place, _WALKED_AT_ONCE))
            yield from (_item(row, self._database.path) for row in rows)
            if len(rows) < _WALKED_AT_ONCE:
                return
            place = rows[-1][0]

    def purge(self, partition: Partition, expired_before_ms: int, deleted_before: int, limit: int) -> int:
        """Drop items that expired before a time and tombstones appended before a stamp. Returns how many."""
        identity = self._ids.find(partition)
        if identity is None:
            return 0

        def delete(connection: sqlite3.Connection) -> int:
            expired = _delete(connection, _EXPIRED, (identity, expired_before_ms, limit))
            return expired + _delete(connection, _DELETED, (identity, deleted_before, limit - expired))

        return self._database.write(delete)

    def drop(self, partition: Partition) -> None:
        """Remove everything."""
        for one in (partition, partition.of_history):
            identity = self._ids.find(one)
            while identity is not None and self._database.write(partial(_drop_some, identity)):
                pass

    def count(self, partition: Partition, now_ms: int) -> tuple[int, int]:
        """Live items and their bytes (keys and values). Walks one index, so it takes time in proportion to the keys."""
        identity = self._ids.find(partition)
        if identity is None:
            return 0, 0
        ((items, size),) = self._database.rows(_COUNT, (identity, now_ms))
        return int(items), int(size)

    def _after(self, connection: sqlite3.Connection, identity: int) -> int:
        """The stamp after which an item is appended now."""
        return (connection.execute(_HEAD, (identity,)).fetchone()[0] or 0) if self._ordered else 0

    def _notes(self, partition: Partition, beside: Beside | None) -> _Notes | None:
        return None if beside is None else _Notes(self._ids.ensure(partition.of_history), beside)

    def _put(
        self,
        connection: sqlite3.Connection,
        identity: int,
        item: Item,
        expect: Expect | None,
        after: int,
        notes: _Notes | None = None,
    ) -> PutOutcome:
        key = _encoded(item.key)
        row = connection.execute(_PREVIOUS, (identity, key)).fetchone()
        previous = _item(row, self._database.path) if row else None
        if not item.replaces(previous, expect):
            return PutOutcome(False, previous)
        size = None if item.value is None else len(key) + len(item.value)
        appended = max(item.appended, after + 1)
        state = (appended, item.expires_at_ms, size, item.content_type, item.value)
        connection.execute(_PUT, (identity, key, *item.version, *state))
        if notes is not None:
            for note in notes.beside(replace(item, appended=appended), previous):
                self._put(connection, notes.identity, note, None, 0)
        return PutOutcome(True, previous)


def _drop_some(identity: int, connection: sqlite3.Connection) -> int:
    return _delete(connection, _ANY, (identity, _DELETED_AT_ONCE_MAX))


def _delete(connection: sqlite3.Connection, ids: str, parameters: tuple[int, ...]) -> int:
    return connection.execute(f"DELETE FROM items WHERE id IN ({ids})", parameters).rowcount


def _item(row: Row, path: Path) -> Item:
    """The item of a row. Raises Corrupted; of a value that is not read, nothing is known."""
    key, stamp, writer, appended, content_type, expires_at_ms, size, partition, stored, of_value, value = row
    require_sound(path, stored, partition, key, stamp, writer, appended, expires_at_ms, size, content_type)
    if of_value is not None:
        require_sound(path, of_value, key, value)
    return Item(
        key.decode("utf-8", "surrogatepass"),
        Version(stamp, writer),
        appended,
        value,
        content_type,
        expires_at_ms,
    )


def _encoded(key: str) -> bytes:
    # A lone surrogate is no valid key, but a prefix or a place in a listing may be any string at all.
    return key.encode("utf-8", "surrogatepass")
