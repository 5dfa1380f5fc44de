"""Which streams there are between this site and its peer: one for each feed of each shared namespace.

Keeps the checkpoints' directions complete, so that a lag can be told from them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb.replication.ports import Checkpoint, Checkpoints, Direction, Feed, Replica, SharedNamespace
from quartzdb.replication.repair.anti_entropy import AntiEntropy
from quartzdb.replication.streams.pump import Pump
from quartzdb.replication.streams.round_statistics import RoundStatistics
from quartzdb.replication.streams.stream import REPAIR_EVERY_MS, Stream

PositionOf = Callable[[SharedNamespace, Feed, str], int]
"""The append stamp that a cursor of this site's own feed still needs."""


class Runs(Protocol):
    """What a replicator gives turns to. Its text, for the log, says of what tenant and namespace it is."""

    def run(self, statistics: RoundStatistics) -> bool:
        """A bounded part of the work. Whether there is more to do at once."""
        ...


class FullPeerStreams:
    """Lines to a peer that speaks the whole protocol. Not thread-safe."""

    def __init__(
        self,
        local: Replica,
        peer: Replica,
        checkpoints: Checkpoints,
        clock: Clock,
        jitter: Callable[[], float],
        position_of: PositionOf,
        *,
        shared: Callable[[str, str], bool],
        repair_every_ms: int = REPAIR_EVERY_MS,
    ) -> None:
        self._local = local
        self._peer = peer
        self._checkpoints = checkpoints
        self._clock = clock
        self._jitter = jitter
        self._place_of = position_of
        self._shared = shared
        self._repair_every_ms = repair_every_ms
        self._streams: dict[tuple[SharedNamespace, SharedNamespace, Feed], Stream] = {}

    def refresh(self) -> list[Runs]:
        """Look at what both sites share now. Raises QuartzError where one of them cannot be asked."""
        at_ms = self._clock.unix_ms()
        here = {(one.tenant, one.namespace): one for one in self._local.namespaces()}
        there = {
            (one.tenant, one.namespace): one
            for one in self._peer.namespaces()
            if self._shared(one.tenant, one.namespace)
        }
        known = self._checkpoints.all_checkpoints()
        wanted: dict[tuple[SharedNamespace, SharedNamespace, Feed], Stream] = {}
        for name in sorted(here.keys() | there.keys()):
            mine, theirs = here.get(name) or there[name], there.get(name) or here[name]
            for feed in Feed:
                if feed is Feed.RECORDS and not mine.holds_records and not theirs.holds_records:
                    continue  # a namespace of keys only
                stream = self._streams.get((mine, theirs, feed)) or self._stream(mine, theirs, feed)
                wanted[mine, theirs, feed] = stream
        self._streams = wanted
        self._note_directions(known)
        self._checkpoints.mark_listed(self._peer.site, at_ms)
        return list(wanted.values())

    def tenants(self) -> Collection[str]:
        """Those whose namespaces are shared."""
        return {mine.tenant for mine, _, _ in self._streams}

    def unreachable(self, error: QuartzError) -> None:
        """Take note, in one direction, that the peer cannot be asked at all."""
        for stream in self._streams.values():
            stream.pumps[0].failed(error)
            return

    def _note_directions(self, known: Collection[Direction]) -> None:
        sites = {self._local.site, self._peer.site}
        present = {pump.direction for stream in self._streams.values() for pump in stream.pumps}
        for direction in sorted(present - set(known)):
            # Before the list is said to be complete: a direction that never ran makes the lag unknown.
            self._checkpoints.write(direction, Checkpoint())
        for direction in sorted(set(known) - present):
            if {direction.source, direction.destination} == sites:
                self._checkpoints.forget(direction)

    def _stream(self, mine: SharedNamespace, theirs: SharedNamespace, feed: Feed) -> Stream:
        local, peer = self._local, self._peer
        outbound = Direction(local.site, peer.site, mine.tenant, mine.namespace, feed)
        inbound = Direction(peer.site, local.site, mine.tenant, mine.namespace, feed)
        pumps = [
            # Each with the settings of its source, so that a destination with others refuses.
            Pump(
                outbound,
                mine,
                local,
                peer,
                self._checkpoints,
                self._clock,
                self._jitter,
                position_of=lambda cursor: self._place_of(mine, feed, cursor),
                announces=bool(mine.declared and not theirs.declared),
            ),
            Pump(
                inbound,
                theirs,
                peer,
                local,
                self._checkpoints,
                self._clock,
                self._jitter,
                announces=bool(theirs.declared and not mine.declared),
            ),
        ]
        repair = AntiEntropy(outbound, mine, local, peer, self._checkpoints, self._clock)
        return Stream(pumps, repair, self._clock, self._jitter, repair_every_ms=self._repair_every_ms)
