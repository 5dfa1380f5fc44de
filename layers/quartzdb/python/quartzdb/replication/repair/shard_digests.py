"""What a namespace's records are at this site, put together from all its shards; each id is in one of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial

from quartzdb.domain.clock import Clock
from quartzdb.domain.merge import RecordState
from quartzdb.domain.namespace import Namespace
from quartzdb.replication.ports import EntryPage
from quartzdb.replication.repair.record_digests import RecordDigests
from quartzdb.storage.index.segments.outline import Outline
from quartzdb.storage.ports import BlobMissing
from quartzdb.storage.snapshot.readers import Readers
from quartzdb.storage.snapshot.record_states import RecordStates


class ShardDigests:
    """Thread-safe. One per process, so that what was computed for a segment serves again."""

    def __init__(self, readers: Readers, clock: Clock) -> None:
        self._readers = readers
        self._clock = clock
        self._record_states = RecordDigests()

    def digests(self, namespace: Namespace) -> Sequence[tuple[int, int]]:
        """(count, sum of state hashes) of each bucket: those of the shards, added."""
        now_ms = self._clock.unix_ms()
        of_shards = [self._digests(shard, now_ms) for shard in namespace.each_shard]
        return [
            (sum(count for count, _ in bucket), sum(number for _, number in bucket))
            for bucket in zip(*of_shards, strict=True)
        ]

    def entries(self, namespace: Namespace, bucket: int, after: str | None, limit: int) -> EntryPage:
        """The states of one bucket in order of id, tombstones included; what has expired is not live."""
        now_ms = self._clock.unix_ms()
        pages = [
            self._readers.of(shard).study(
                partial(self._record_states.entries, bucket=bucket, after=after, limit=limit, now_ms=now_ms)
            )
            for shard in namespace.each_shard
        ]
        found = sorted((entry for page in pages for entry in page.entries), key=lambda entry: entry.id)
        return EntryPage(found[:limit], len(found) > limit or any(page.more for page in pages))

    def states(self, namespace: Namespace, ids: Iterable[str]) -> dict[str, RecordState]:
        """What is known of ids, vectors and metadata included; ids never heard of are left out."""
        found: dict[str, RecordState] = {}
        for shard, some in namespace.by_shard(ids).items():
            if some:
                found |= self._readers.of(shard).study(partial(RecordStates.states, ids=some))
        return found

    def outlines(self, namespace: Namespace, ids: Iterable[str]) -> dict[str, Outline]:
        """The versions of what is known of ids, without reading a vector; ids never heard of are left out."""
        found: dict[str, Outline] = {}
        for shard, some in namespace.by_shard(ids).items():
            if some:
                found |= self._readers.of(shard).study(partial(RecordStates.outlines, ids=some))
        return found

    def _digests(self, shard: Namespace, now_ms: int) -> Sequence[tuple[int, int]]:
        reader = self._readers.of(shard)
        # A put that landed after its writer had given up is behind a warm reader's position: a fold brings it to light.
        with suppress(BlobMissing):
            reader.reload()
        return reader.study(partial(self._record_states.digests, now_ms=now_ms))
