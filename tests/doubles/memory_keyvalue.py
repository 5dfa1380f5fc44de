"""The key-value table in memory: what a KeyValueTable is, in its shortest form. Nothing survives the process."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from quartzdb.domain.limits import KV_BATCH_ITEMS_MAX
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import Beside, Expect, Item, KeyPage, PutOutcome


class MemoryKeyValue:
    """KeyValueTable in memory."""

    def __init__(self) -> None:
        self._tables: dict[Partition, dict[str, Item]] = defaultdict(dict)
        self._lock = threading.Lock()

    @property
    def ordered(self) -> bool:
        """False: `appended` is as it is given."""
        return False

    def head(self, partition: Partition) -> int:
        """Never: raises NotImplementedError."""
        raise NotImplementedError("not ordered")

    @property
    def batch_items_max(self) -> int:
        """No limit of its own: what the service accepts."""
        return KV_BATCH_ITEMS_MAX

    def get(self, partition: Partition, keys: Sequence[str]) -> Mapping[str, Item]:
        """The items of those keys that have one, tombstones and expired ones included."""
        with self._lock:
            table = self._tables[partition]
            return {key: table[key] for key in keys if key in table}

    def put(
        self, partition: Partition, item: Item, expect: Expect | None = None, *, beside: Beside | None = None
    ) -> PutOutcome:
        """Store the item if `expect` holds and no stored version is later or equal."""
        with self._lock:
            return self._put(partition, item, expect, beside)

    def put_many(
        self, partition: Partition, items: Sequence[Item], *, beside: Beside | None = None
    ) -> Sequence[PutOutcome]:
        """Store each as `put` would, in order."""
        with self._lock:
            return [self._put(partition, item, None, beside) for item in items]

    def list(
        self, partition: Partition, *, prefix: str, after: str | None, limit: int, now_ms: int, values: bool
    ) -> KeyPage:
        """Live items whose key has the prefix, by code point, after a key."""
        with self._lock:
            found = [
                item
                for key, item in sorted(self._tables[partition].items())
                if key.startswith(prefix) and key > (after or "") and item.live(now_ms)
            ]
        page = found[:limit]
        return KeyPage(page if values else [item.without_value() for item in page], len(found) > limit)

    def changes(self, partition: Partition, after: int, upto: int, limit: int) -> Sequence[Item]:
        """Items with after < `appended` <= upto, in that order; past `limit` only what shares the last one's stamp."""
        with self._lock:
            found = [item for item in self._tables[partition].values() if after < item.appended <= upto]
        found.sort(key=lambda item: (item.appended, item.key))
        return [item for item in found if item.appended <= found[:limit][-1].appended]

    def all_items(self, partition: Partition) -> Iterator[Item]:
        """Every item, tombstones and expired ones included, in any order, without values."""
        with self._lock:
            items = list(self._tables[partition].values())
        return (item.without_value() for item in items)

    def purge(self, partition: Partition, expired_before_ms: int, deleted_before: int, limit: int) -> int:
        """Drop items that expired before a time and tombstones appended before a stamp. Returns how many."""

        def lapsed(item: Item) -> bool:
            if item.value is None:
                return item.appended < deleted_before
            return item.expires_at_ms is not None and item.expires_at_ms < expired_before_ms

        with self._lock:
            table = self._tables[partition]
            keys = [key for key, item in table.items() if lapsed(item)][:limit]
            for key in keys:
                del table[key]
            return len(keys)

    def drop(self, partition: Partition) -> None:
        """Remove everything."""
        with self._lock:
            self._tables.pop(partition, None)
            self._tables.pop(partition.of_history, None)

    def count(self, partition: Partition, now_ms: int) -> tuple[int, int]:
        """Live items and their bytes (keys and values)."""
        with self._lock:
            sizes = [
                len(key.encode()) + len(item.value or b"")
                for key, item in self._tables[partition].items()
                if item.live(now_ms)
            ]
        return len(sizes), sum(sizes)

    def _put(
        self, partition: Partition, item: Item, expect: Expect | None, beside: Beside | None = None
    ) -> PutOutcome:
        table = self._tables[partition]
        previous = table.get(item.key)
        stored = item.replaces(previous, expect)
        if stored:
            table[item.key] = item
            for note in beside(item, previous.without_value() if previous else None) if beside else ():
                self._put(partition.of_history, note, None)
        return PutOutcome(stored, None if previous is None else previous.without_value())
