"""Digests and entries of keys: one walk over the table's items without their values.

The walk is repeated for each bucket that is asked about. A table keeps no index by bucket: it would cost every put.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quartzdb.replication.ports import Entry, EntryPage
from quartzdb.replication.repair.state_hash import bucket_of, state_hash
from quartzdb.replication.wire.limits import BUCKETS
from quartzdb.storage.ports import Item


def key_digests(items: Iterable[Item], now_ms: int) -> Sequence[tuple[int, int]]:
    """(count, sum of state hashes) of each bucket."""
    counts, sums = [0] * BUCKETS, [0] * BUCKETS
    for item in items:
        if item.live(now_ms):
            bucket = bucket_of(item.key)
            counts[bucket] += 1
            sums[bucket] += state_hash(item.key, item.version, {})
    return list(zip(counts, sums, strict=True))


def key_entries(items: Iterable[Item], bucket: int, after: str | None, limit: int, now_ms: int) -> EntryPage:
    """The states of one bucket in order of key, tombstones included."""
    found: dict[str, Item] = {}
    for item in items:
        if bucket_of(item.key) == bucket and (after is None or item.key > after):
            known = found.get(item.key)
            if known is None or known.version < item.version:
                found[item.key] = item
    keys = sorted(found)
    page = [Entry(key, found[key].version, {}, found[key].live(now_ms)) for key in keys[:limit]]
    return EntryPage(page, len(keys) > limit)
