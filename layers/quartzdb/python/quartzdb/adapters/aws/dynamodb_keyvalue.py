"""The key-value table in DynamoDB. Owns the partitions `KV#…`, their entries in the feed index, and large values.

A put is one conditional PutItem, a batch one transaction. A value of more than INLINE_BYTES_MAX is a blob, written
before its item; the blob of a value that was replaced goes after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from quartzdb.adapters.aws.dynamodb_feed import DynamoFeed
from quartzdb.adapters.aws.dynamodb_items import (
    WITHOUT_BODY,
    Stored,
    decode_item,
    encode_item,
    partition_key,
    spill_name,
    taking_effect,
)
from quartzdb.adapters.aws.dynamodb_put_many import put_together
from quartzdb.adapters.aws.dynamodb_sort_key import range_of, shares_its_head, sort_key
from quartzdb.adapters.aws.dynamodb_table import TRANSACTION_ITEMS_MAX, DynamoTable
from quartzdb.adapters.aws.dynamodb_values import text_of
from quartzdb.adapters.aws.spilled_bodies import SpilledBodies
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.namespace import Partition
from quartzdb.domain.outcomes import once_written
from quartzdb.storage.ports import Beside, BlobMissing, BlobStore, Expect, Item, KeyPage, PutOutcome

INLINE_BYTES_MAX = 100 * 1024
_READS_MAX = 4
_PAGE_ITEMS_MAX = 1_000
_NOTES_IN_TURN_MAX = 3
_NOTES_AT_ONCE = 16
_NO_SORT_KEY = "\0"


class DynamoKeyValue:
    """KeyValueTable over a DynamoTable and a BlobStore.

    DynamoDB itself forgets items some time after they have expired, but no sooner than `expired_kept_ms` after: a peer
    that has yet to read them would else keep what they replaced.
    """

    def __init__(self, table: DynamoTable, blobs: BlobStore, *, expired_kept_ms: int = 0) -> None:
        self._table = table
        self._expired_kept_ms = expired_kept_ms
        self._spilled = SpilledBodies(blobs, "kv")
        self._feed = DynamoFeed(table, self._spilled)

    @property
    def ordered(self) -> bool:
        """False: writers do not wait for each other, and the index follows the table."""
        return False

    def head(self, partition: Partition) -> int:
        """Never: raises NotImplementedError. Ask `ordered` first."""
        raise NotImplementedError("A DynamoDB table is not ordered: ask for changes that are old enough.")

    @property
    def batch_items_max(self) -> int:
        """What one transaction takes."""
        return TRANSACTION_ITEMS_MAX

    def get(self, partition: Partition, keys: Sequence[str]) -> Mapping[str, Item]:
        """The items of those keys that have one, tombstones and expired ones included."""
        found: dict[str, Item] = {}
        wanted = [key for key in dict.fromkeys(keys) if _may_be_key(key)]
        for _ in range(_READS_MAX):
            stored = self._read(partition, wanted)
            try:
                found |= {item.key: item for item in self._filled(stored)}
            except BlobMissing:
                continue  # replaced since: now the item names another blob, or holds the value
            return found
        raise Corrupted("A key-value item names a blob that is not there.", hint="Restore the bucket.")

    def put(
        self, partition: Partition, item: Item, expect: Expect | None = None, *, beside: Beside | None = None
    ) -> PutOutcome:
        """Store the item if `expect` holds and no stored version is later or equal.

        Where the answer to a put was lost and DynamoDB says that this very version is there, it was stored; what was
        there before it is not known then, and None.
        """
        spilled = self._spill(partition, item)
        condition, values = taking_effect(item, expect)
        put = self._table.put(
            encode_item(partition, item, spilled, expired_kept_ms=self._expired_kept_ms), condition, values
        )
        old = decode_item(put.old) if put.old else None
        previous = old.item.without_value() if old else None
        if put.stored:
            with once_written():
                self._note(partition, [(item, previous)], beside)
                self._forget(old, spilled)
            return PutOutcome(True, previous)
        if put.retried and old is not None and old.item.version == item.version:
            with once_written():
                self._note(partition, [(item, None)], beside)
            return PutOutcome(True, None)
        if spilled is not None and (old is None or old.spilled != spilled):
            self._spilled.delete([spilled])
        return PutOutcome(False, previous)

    def put_many(
        self, partition: Partition, items: Sequence[Item], *, beside: Beside | None = None
    ) -> Sequence[PutOutcome]:
        """Store each as `put` would, in order: all of them or none. Raises TooLarge past `batch_items_max`."""
        outcomes = put_together(
            self._table,
            self._spilled,
            partition,
            items,
            inline_bytes_max=INLINE_BYTES_MAX,
            expired_kept_ms=self._expired_kept_ms,
        )
        stored = [(item, one.previous) for item, one in zip(items, outcomes, strict=True) if one.stored]
        with once_written():
            self._note(partition, stored, beside)
        return outcomes

    def list(
        self, partition: Partition, *, prefix: str, after: str | None, limit: int, now_ms: int, values: bool
    ) -> KeyPage:
        """Live items whose key has the prefix, by code point, after a key."""
        found: list[Stored] = []
        for stored in self._in_order(partition, prefix, after, limit, values):
            if not stored.item.live(now_ms):
                continue
            if len(found) == limit:
                return KeyPage(self._shown(partition, found, values), True)
            found.append(stored)
        return KeyPage(self._shown(partition, found, values), False)

    def changes(self, partition: Partition, after: int, upto: int, limit: int) -> Sequence[Item]:
        """Items with after < `appended` <= upto, in that order; past `limit` only what shares the last one's stamp.

        HAZARD: the index follows the table within moments, not at once. Ask only for what is older than that.
        """
        return self._feed.changes(partition, after, upto, limit, self.get)

    def all_items(self, partition: Partition) -> Iterator[Item]:
        """Every item, tombstones and expired ones included, as the index has them: a moment behind, without values."""
        return self._feed.all_items(partition)

    def purge(self, partition: Partition, expired_before_ms: int, deleted_before: int, limit: int) -> int:
        """Drop items that expired before a time and tombstones appended before a stamp. Returns how many."""
        return self._feed.purge(partition, expired_before_ms, deleted_before, limit)

    def drop(self, partition: Partition) -> None:
        """Remove everything."""
        for one in (partition, partition.of_history):
            pages = self._table.query(
                partition_key(one), _NO_SORT_KEY, "\U0010ffff" * 256, attributes=("pk", "sk")
            )
            for page in pages:
                self._table.batch_delete([(text_of(item, "pk"), text_of(item, "sk")) for item in page])
        self._spilled.drop(partition)

    def drop_unnamed(self, partition: Partition) -> int:
        """Remove values in the bucket that no item names. Returns how many.

        HAZARD: for a restoration, while nobody writes: a put writes its value before the item that names it.
        """
        bodies = self._spilled.all_of(partition)
        if not bodies:
            return 0
        items = self._in_order(partition, "", None, _PAGE_ITEMS_MAX, False)
        named = {stored.spilled for stored in items}
        unnamed = [body for body in bodies if body not in named]
        self._spilled.delete(unnamed)
        return len(unnamed)

    def count(self, partition: Partition, now_ms: int) -> tuple[int, int]:
        """Live items and their bytes (keys and values), as the index has them: a moment behind, without the values."""
        return self._feed.count(partition, now_ms)

    def _read(self, partition: Partition, keys: Sequence[str]) -> Sequence[Stored]:
        pk = partition_key(partition)
        if len(keys) == 1:
            item = self._table.get(pk, sort_key(keys[0]))
            return [decode_item(item)] if item else []
        return [decode_item(item) for item in self._table.batch_get([(pk, sort_key(key)) for key in keys])]

    def _filled(self, stored: Sequence[Stored]) -> Iterator[Item]:
        """The items with their values. Raises BlobMissing."""
        values = self._spilled.load([one.spilled for one in stored if one.spilled is not None])
        for item, spilled in stored:
            if spilled is None:
                yield item
            else:
                yield Item(
                    item.key, item.version, item.appended, next(values), item.content_type, item.expires_at_ms
                )

    def _in_order(
        self, partition: Partition, prefix: str, after: str | None, limit: int, values: bool
    ) -> Iterator[Stored]:
        """Items of any state with the prefix after the key, by code point; keys that share a long head are sorted."""
        between = range_of(prefix, after)
        if between is None:
            return
        group: str | None = None
        same_head: list[Stored] = []
        for page in self._table.query(
            partition_key(partition),
            *between,
            page_items_max=min(limit + 1, _PAGE_ITEMS_MAX),
            attributes=(*WITHOUT_BODY, "body") if values else WITHOUT_BODY,
        ):
            for stored in map(decode_item, page):
                head = shares_its_head(stored.item.key)
                if head != group:
                    yield from sorted(same_head, key=_key_of)
                    group, same_head = head, []
                if not stored.item.key.startswith(prefix) or stored.item.key <= (after or ""):
                    continue
                if head is None:
                    yield stored
                else:
                    same_head.append(stored)
        yield from sorted(same_head, key=_key_of)

    def _shown(self, partition: Partition, found: Sequence[Stored], values: bool) -> Sequence[Item]:
        if not values:
            return [stored.item.without_value() for stored in found]
        try:
            return list(self._filled(found))
        except BlobMissing:
            # One of them was replaced since. Those that are blobs are read again, whatever they are now.
            again = self.get(partition, [stored.item.key for stored in found if stored.spilled is not None])
            shown = [item if spilled is None else again.get(item.key) for item, spilled in found]
            return [item for item in shown if item is not None and item.value is not None]

    def _spill(self, partition: Partition, item: Item) -> str | None:
        if item.value is None or len(item.value) <= INLINE_BYTES_MAX:
            return None
        return self._spilled.store(partition, spill_name(item), item.value)

    def _note(
        self, partition: Partition, stored: Sequence[tuple[Item, Item | None]], beside: Beside | None
    ) -> None:
        """Store what is beside items. Of two writers the later version stays, whoever comes first."""
        if beside is None:
            return
        notes = [note for item, previous in stored for note in beside(item, previous)]

        def put(note: Item) -> None:
            condition, values = taking_effect(note, None)
            self._table.put(encode_item(partition.of_history, note, None), condition, values)

        if len(notes) <= _NOTES_IN_TURN_MAX:
            for note in notes:
                put(note)
        else:
            with ThreadPoolExecutor(_NOTES_AT_ONCE) as threads:
                list(threads.map(put, notes))

    def _forget(self, old: Stored | None, kept: str | None) -> None:
        if old is not None and old.spilled is not None and old.spilled != kept:
            self._spilled.delete([old.spilled])


def _may_be_key(key: str) -> bool:
    return bool(key) and not any("\ud800" <= character <= "\udfff" for character in key)


def _key_of(stored: Stored) -> str:
    return stored.item.key
