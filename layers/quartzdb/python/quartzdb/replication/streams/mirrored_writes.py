"""Applies the writes that the edge has mirrored from a peer without a feed: each is taken off the queue once durable.

What cannot be understood is counted and left to the queue, which puts it aside after some attempts; it never stops the
others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from quartzdb.domain.change import Change, Delete, Upsert
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import ClockSkew, Conflict, InvalidArgument, QuartzError
from quartzdb.domain.metadata import check_metadata
from quartzdb.replication.backoff import Backoff
from quartzdb.replication.ports import (
    Applied,
    Changes,
    Checkpoint,
    Checkpoints,
    ContractApi,
    Direction,
    Feed,
    MirroredWrite,
    MirrorQueue,
    PeerRefused,
    Replica,
    SharedNamespace,
)
from quartzdb.replication.streams.mirrored_write import TEXT, Mirrored, Named, read_mirrored
from quartzdb.replication.streams.round_statistics import RoundStatistics
from quartzdb.storage.ports import Item

logger = logging.getLogger(__name__)

MIRRORED_WITHIN_MS = 5_000
"""How long after its acceptance a write is in the queue, where the edge can reach it at all."""

Understood = tuple[MirroredWrite, Feed, Changes]


class MirroredWriteApplier:
    """A stream of a replicator. Not thread-safe."""

    def __init__(
        self,
        queue: MirrorQueue,
        namespace: SharedNamespace,
        local: Replica,
        peer: str,
        api: ContractApi,
        checkpoints: Checkpoints,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._namespace = namespace
        self._local = local
        self._peer = peer
        self._api = api
        self._checkpoints = checkpoints
        self._clock = clock
        self._backoff = Backoff(clock.monotonic, jitter)
        self.directions = [
            Direction(peer, local.site, namespace.tenant, namespace.namespace, feed) for feed in Feed
        ]

    def __str__(self) -> str:
        return f"{self._namespace.tenant}/{self._namespace.namespace} mirrored writes"

    def run(self, statistics: RoundStatistics) -> bool:
        """Apply what the queue gives now. Whether there was any."""
        if self._backoff.waiting:
            return False
        begun_ms = self._clock.unix_ms()
        writes: Sequence[MirroredWrite] = ()
        try:
            writes = self._queue.receive()
            self._take(writes, statistics)
        except QuartzError as error:
            statistics.failed += 1
            self._backoff.failed(error)
            self._note(_failed(error, self._clock.unix_ms(), len(writes)))
            return False
        self._backoff.succeeded()
        # Only an empty queue says how far it is: it gives its messages in any order.
        through_ms = 0 if writes else begun_ms - MIRRORED_WITHIN_MS
        self._note(
            lambda before: Checkpoint(
                through_ms=max(before.through_ms, through_ms),
                last_success_ms=self._clock.unix_ms(),
                unreplayable=before.unreplayable,
            )
        )
        return bool(writes)

    def _take(self, writes: Sequence[MirroredWrite], statistics: RoundStatistics) -> None:
        understood: list[Understood] = []
        for write in writes:
            try:
                understood.append(self._understand(write))
            except (InvalidArgument, PeerRefused, UnicodeError) as error:
                self._put_aside(write, error, statistics)
        for feed in Feed:
            self._apply([one for one in understood if one[1] is feed], feed, statistics)

    def _understand(self, write: MirroredWrite) -> Understood:
        mirrored: Mirrored = read_mirrored(write, self._namespace, self._peer)
        if isinstance(mirrored, Named):
            return (write, *self._read_back(mirrored))
        items = [change for change in mirrored if isinstance(change, Item)]
        records = [change for change in mirrored if not isinstance(change, Item)]
        return (write, Feed.KEYS, items) if items else (write, Feed.RECORDS, records)

    def _read_back(self, named: Named) -> tuple[Feed, Changes]:
        """What the peer has now: what was written, or something later, of which a later message will tell.

        Gone although it was put, or there although it was deleted: likewise, or that write was never done.
        """
        name, version = named.name, named.version
        if named.key:
            value = self._api.get(name)
            if (value is None) != named.deleted:
                return Feed.KEYS, []
            item = Item(name, version, version.stamp, None if value is None else value.encode(), TEXT)
            return Feed.KEYS, [item]
        found = self._api.get_vector(name)
        if (found is None) != named.deleted:
            return Feed.RECORDS, []
        if found is None:
            return Feed.RECORDS, [Delete(name, version)]
        vector, metadata = found
        return Feed.RECORDS, [Upsert(name, version, vector, check_metadata(metadata))]

    def _apply(self, understood: Sequence[Understood], feed: Feed, statistics: RoundStatistics) -> None:
        try:
            applied = self._apply_changes(feed, [change for one in understood for change in one[2]])
        except (Conflict, InvalidArgument) as error:
            if isinstance(error, ClockSkew):
                raise
            if len(understood) == 1:
                self._put_aside(understood[0][0], error, statistics)
                return
            for one in understood:
                self._apply([one], feed, statistics)  # so that only the bad one stays
            return
        statistics.applied += applied.applied
        statistics.known += applied.known
        for write, _, _ in understood:
            self._queue.delete(write)

    def _apply_changes(self, feed: Feed, changes: Sequence[Change | Item]) -> Applied:
        if not changes:
            return Applied(0, 0)
        if feed is Feed.RECORDS:
            records = [change for change in changes if not isinstance(change, Item)]
            return self._local.apply(self._namespace, feed, records)
        latest: dict[str, Item] = {}
        for item in changes:
            if isinstance(item, Item) and (item.key not in latest or item.version > latest[item.key].version):
                latest[item.key] = item  # a key is replaced whole: the earlier ones would not show
        return self._local.apply(self._namespace, feed, list(latest.values()))

    def _put_aside(self, write: MirroredWrite, error: Exception, statistics: RoundStatistics) -> None:
        statistics.malformed += 1
        logger.error(
            "the mirrored write of request %s (tenant %s) cannot be applied: %s",
            write.request_id,
            self._namespace.tenant,
            error,
        )

    def _note(self, change: Callable[[Checkpoint], Checkpoint]) -> None:
        for direction in self.directions:
            before = self._checkpoints.read(direction) or Checkpoint()
            self._checkpoints.write(direction, change(before))


def _failed(error: QuartzError, now_ms: int, pending: int) -> Callable[[Checkpoint], Checkpoint]:
    said = f"{error.code}: {error.message}"[:500]
    return lambda before: replace(before, error=said, failed_ms=now_ms, pending=pending)
