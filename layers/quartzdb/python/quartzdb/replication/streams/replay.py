"""The repair towards a peer that has no digests: everything that is known here is written there once more.

What was deleted here so long ago that nobody remembers it stays there: such a peer cannot be asked what it has.
"""

from __future__ import annotations

from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb.replication.ports import Checkpoints, Direction, RepairState, Replica, SharedNamespace
from quartzdb.replication.streams.pump import Destination

BUCKETS = 256
IDS_PER_STEP = 100


class Replay:
    """Of one feed. Not thread-safe."""

    def __init__(
        self,
        outbound: Direction,
        namespace: SharedNamespace,
        local: Replica,
        destination: Destination,
        checkpoints: Checkpoints,
        clock: Clock,
    ) -> None:
        self._outbound = outbound
        self._namespace = namespace
        self._local = local
        self._destination = destination
        self._checkpoints = checkpoints
        self._clock = clock

    @property
    def state(self) -> RepairState:
        """How far it is."""
        return self._checkpoints.read_repair(self._outbound) or RepairState()

    def begin(self) -> RepairState:
        """Begin with the first bucket."""
        return self._keep(
            replace(
                self.state, begun_ms=max(1, self._clock.unix_ms()), round=1, bucket=0, after=None, repaired=0
            )
        )

    def step(self) -> RepairState:
        """Write the next ids. Raises QuartzError."""
        state = self.state
        if state.begun_ms == 0:
            return state
        feed = self._outbound.feed
        page = self._local.entries(self._namespace, feed, state.bucket, after=state.after, limit=IDS_PER_STEP)
        ids = [entry.id for entry in page.entries]
        if ids:
            changes = self._local.fetch(self._namespace, feed, ids)
            applied = self._destination.apply(self._namespace, feed, changes).applied
            state = replace(state, repaired=state.repaired + applied, error=None)
        if page.more:
            return self._keep(replace(state, after=ids[-1]))
        if state.bucket + 1 < BUCKETS:
            return self._keep(replace(state, bucket=state.bucket + 1, after=None))
        return self._keep(RepairState(repaired=state.repaired, finished_ms=max(1, self._clock.unix_ms())))

    def note(self, error: QuartzError) -> None:
        """Keep why it does not get on."""
        self._keep(replace(self.state, error=f"{error.code}: {error.message}"[:500]))

    def _keep(self, state: RepairState) -> RepairState:
        self._checkpoints.write_repair(self._outbound, state)
        return state
