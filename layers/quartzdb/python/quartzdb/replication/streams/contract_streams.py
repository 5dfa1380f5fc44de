"""The streams between this site and a peer that knows only `/api/*`: two feeds to it, and what is mirrored from it.

Such a peer has one namespace of one tenant: the one behind its API key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError, WrongRegion
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import DEFAULT_DIMENSION, DEFAULT_NAMESPACE
from quartzdb.replication.ports import (
    Checkpoint,
    Checkpoints,
    ContractApi,
    Direction,
    Feed,
    MirrorQueue,
    Replica,
    SharedNamespace,
)
from quartzdb.replication.streams.contract_peer import ContractPeer
from quartzdb.replication.streams.mirrored_writes import MirroredWriteApplier
from quartzdb.replication.streams.peer_streams import PositionOf, Runs
from quartzdb.replication.streams.pump import Pump
from quartzdb.replication.streams.replay import Replay
from quartzdb.replication.streams.stream import Stream


class ContractStreams:
    """Not thread-safe. `queue` None: nothing is mirrored, so nothing comes from the peer."""

    def __init__(
        self,
        local: Replica,
        peer: str,
        api: ContractApi,
        queue: MirrorQueue | None,
        checkpoints: Checkpoints,
        clock: Clock,
        jitter: Callable[[], float],
        position_of: PositionOf,
        *,
        tenant: str,
        allows: Callable[[str], bool] = lambda _tenant: True,
    ) -> None:
        self._local = local
        self._peer = peer
        self._api = api
        self._queue = queue
        self._checkpoints = checkpoints
        self._clock = clock
        self._jitter = jitter
        self._place_of = position_of
        self._tenant = tenant
        self._allows = allows
        self._streams: list[Runs] = []

    def refresh(self) -> list[Runs]:
        """The same streams each time. Raises WrongRegion where the tenant's data may not be at the peer."""
        if not self._allows(self._tenant):
            raise WrongRegion(
                f"The data of the tenant {self._tenant} may not be at the peer.",
                hint="Its grant names a region, and the two sites are not set to be in it.",
            )
        at_ms = self._clock.unix_ms()
        if not self._streams:
            namespace = self._namespace()
            streams = [self._stream(namespace, feed) for feed in Feed]
            directions = [pump.direction for stream in streams for pump in stream.pumps]
            self._streams = list(streams)
            if self._queue is not None:
                mirrored = MirroredWriteApplier(
                    self._queue,
                    namespace,
                    self._local,
                    self._peer,
                    self._api,
                    self._checkpoints,
                    self._clock,
                    self._jitter,
                )
                directions += mirrored.directions
                self._streams.append(mirrored)
            known = self._checkpoints.all_checkpoints()
            for direction in directions:
                if direction not in known:
                    self._checkpoints.write(direction, Checkpoint())
        self._checkpoints.mark_listed(self._peer, at_ms)
        return self._streams

    def tenants(self) -> Collection[str]:
        """The one tenant."""
        return (self._tenant,)

    def unreachable(self, error: QuartzError) -> None:
        """Nothing: the peer is never asked what it shares, so each stream finds out for itself."""

    def _namespace(self) -> SharedNamespace:
        for one in self._local.namespaces():
            if (one.tenant, one.namespace) == (self._tenant, DEFAULT_NAMESPACE):
                return one
        # The first change that comes makes it, as the first request to `/api/*` would.
        return SharedNamespace(self._tenant, DEFAULT_NAMESPACE, DEFAULT_DIMENSION, Metric.COSINE)

    def _stream(self, namespace: SharedNamespace, feed: Feed) -> Stream:
        outbound = Direction(self._local.site, self._peer, namespace.tenant, namespace.namespace, feed)
        destination = ContractPeer(self._peer, self._local, self._api, self._clock)
        pump = Pump(
            outbound,
            namespace,
            self._local,
            destination,
            self._checkpoints,
            self._clock,
            self._jitter,
            position_of=lambda cursor: self._place_of(namespace, feed, cursor),
        )
        replay = Replay(outbound, namespace, self._local, destination, self._checkpoints, self._clock)
        return Stream([pump], replay, self._clock, self._jitter, repair_every_ms=None)
