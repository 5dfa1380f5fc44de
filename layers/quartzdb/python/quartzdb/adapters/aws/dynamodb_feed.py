"""The feed index of the key-value table: changes in the order of appending, walking, counting and purging.

The index has everything of an item but its value and content type, so walking it costs little. It follows the table by
a moment. HAZARD: nothing that must be exact may be decided here; a deletion checks the item itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from quartzdb.adapters.aws.dynamodb_items import SAME_VERSION, partition_key, version_of
from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes, number_of, text_of
from quartzdb.adapters.aws.spilled_bodies import SpilledBodies
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import Item

INDEXED = ("version", "bytes", "expires_at_ms", "spilled", "key")
"""What the index has of an item beside the keys; cdk/constructs/data_table.py projects these."""
_LAST = (1 << 63) - 1


class DynamoFeed:
    """The index of one table. Thread-safe."""

    def __init__(self, table: DynamoTable, spilled: SpilledBodies) -> None:
        self._table = table
        self._spilled = spilled

    def changes(
        self,
        partition: Partition,
        after: int,
        upto: int,
        limit: int,
        get: Callable[[Partition, Sequence[str]], Mapping[str, Item]],
    ) -> Sequence[Item]:
        """Items with after < `appended` <= upto, in that order; past `limit` only what shares the last one's stamp.

        One that has moved on since the index was written is given as it is now, at the place where the index has it. It
        comes again at its new place. Left out here, it would be nowhere until the index follows, and what it replaced
        would never be given out.
        """
        while True:
            places = self._places(partition, after, upto, limit)
            if not places:
                return []
            now = get(partition, [key for _, key in places])
            items = [replace(now[key], appended=appended) for appended, key in places if key in now]
            if items:
                return items
            after = places[-1][0]

    def all_items(self, partition: Partition) -> Iterator[Item]:
        """Every item in the order of appending, without values (b"") or content types."""
        for page in self._table.query_feed(partition_key(partition), 0, _LAST):
            for entry in page:
                yield Item(
                    text_of(entry, "key" if "key" in entry else "sk"),
                    version_of(entry),
                    number_of(entry, "appended"),
                    b"" if "bytes" in entry else None,
                    expires_at_ms=number_of(entry, "expires_at_ms") if "expires_at_ms" in entry else None,
                )

    def purge(self, partition: Partition, expired_before_ms: int, deleted_before: int, limit: int) -> int:
        """Drop items that expired before a time and tombstones appended before a stamp. Returns how many."""
        purged = 0
        for page in self._table.query_feed(partition_key(partition), 0, _LAST):
            for entry in page:
                if purged == limit:
                    return purged
                if not _lapsed(entry, expired_before_ms, deleted_before):
                    continue
                version: Attributes = {"before": text_of(entry, "version")}
                if self._table.delete(text_of(entry, "pk"), text_of(entry, "sk"), SAME_VERSION, version):
                    purged += 1
                    if "spilled" in entry:
                        self._spilled.delete([text_of(entry, "spilled")])
        return purged

    def count(self, partition: Partition, now_ms: int) -> tuple[int, int]:
        """Live items and their bytes (keys and values)."""
        sizes = [
            number_of(entry, "bytes")
            for page in self._table.query_feed(partition_key(partition), 0, _LAST)
            for entry in page
            if "bytes" in entry and not _expired(entry, now_ms + 1)
        ]
        return len(sizes), sum(sizes)

    def _places(self, partition: Partition, after: int, upto: int, limit: int) -> list[tuple[int, str]]:
        """(appended, key) of at most `limit` entries, and of whatever shares the last one's stamp."""
        found: list[tuple[int, str]] = []
        pages = self._table.query_feed(partition_key(partition), after + 1, upto, page_items_max=limit + 1)
        for page in pages:
            found += [
                (number_of(entry, "appended"), text_of(entry, "key" if "key" in entry else "sk"))
                for entry in page
            ]
            if len(found) > limit and found[-1][0] > found[limit - 1][0]:
                break
        found.sort()
        return [place for place in found if place[0] <= found[:limit][-1][0]]


def _lapsed(entry: Attributes, expired_before_ms: int, deleted_before: int) -> bool:
    if "bytes" not in entry:
        return number_of(entry, "appended") < deleted_before
    return _expired(entry, expired_before_ms)


def _expired(entry: Attributes, before_ms: int) -> bool:
    return "expires_at_ms" in entry and number_of(entry, "expires_at_ms") < before_ms
