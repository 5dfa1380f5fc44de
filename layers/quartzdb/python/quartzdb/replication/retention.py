"""How long a site keeps for its peers what it would otherwise drop: as long as a checkpoint needs it, at most 7 days.

A shared namespace that no checkpoint speaks of is kept for the whole time: its peer may be about to begin, or drive
replication itself. A cursor that comes later than that is told of the gap, and a repair makes it good.
"""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import stamp_at
from quartzdb.domain.namespace import Partition
from quartzdb.replication.ports import Checkpoints, Feed
from quartzdb.replication.shared_namespaces import Shared, shared_of
from quartzdb.replication.wire.limits import FEED_KEPT_MS

NOTHING_NEEDED = (1 << 63) - 1


class RecordedRetention:
    """Retention by what is recorded in the database, for who was not told of the other site: a command.

    Shared is what any checkpoint speaks of, and what was noted of a peer; it is kept for the whole time. Reads what is
    recorded once.
    """

    def __init__(self, checkpoints: Checkpoints, clock: Clock) -> None:
        self._checkpoints = checkpoints
        self._clock = clock
        self._known: tuple[frozenset[tuple[str, str]], Sequence[Shared]] | None = None

    def shared(self, tenant: str, name: str) -> bool:
        """Whether another site has the namespace, too."""
        if self._known is None:
            directions = self._checkpoints.all_checkpoints()
            named = frozenset((one.tenant, one.namespace) for one in directions)
            self._known = (named, [shared_of(part) for part in self._checkpoints.peers().values()])
        named, parts = self._known
        return (tenant, name) in named or any(part(tenant, name) for part in parts)

    def log_needed_from(self, partition: Partition) -> int:
        """The lowest append stamp of the log that a peer may still ask for."""
        return self._needed_from(partition)

    def tombstones_needed_from(self, partition: Partition) -> int:
        """Tombstones of the latest 7 days."""
        return self._needed_from(partition)

    def keys_needed_from(self, partition: Partition) -> int:
        """Tombstones and expired items with this append stamp or a later one stay."""
        return self._needed_from(partition)

    def _needed_from(self, partition: Partition) -> int:
        if not self.shared(partition.tenant, partition.namespace):
            return NOTHING_NEEDED
        return stamp_at(self._clock.unix_ms() - FEED_KEPT_MS)


class PeerRetention:
    """Retention by the checkpoints of the directions that begin at this site. `peers` are the sites they lead to."""

    def __init__(
        self, site: str, peers: Sequence[str], checkpoints: Checkpoints, clock: Clock, shared: Shared
    ) -> None:
        self._site = site
        self._peers = peers
        self._checkpoints = checkpoints
        self._clock = clock
        self._shared = shared

    def log_needed_from(self, partition: Partition) -> int:
        """The lowest append stamp of the log that a peer may still ask for."""
        return self._needed_from(partition, Feed.RECORDS)

    def tombstones_needed_from(self, partition: Partition) -> int:
        """Tombstones of the latest 7 days, whatever checkpoints say.

        A page that is applied twice, or a comparison with a peer that was away, must not bring back what was deleted.
        """
        return self._longest() if self._is_shared(partition) else NOTHING_NEEDED

    def keys_needed_from(self, partition: Partition) -> int:
        """Tombstones and expired items with this append stamp or a later one stay."""
        return self._needed_from(partition, Feed.KEYS)

    def _needed_from(self, partition: Partition, feed: Feed) -> int:
        if not self._is_shared(partition):
            return NOTHING_NEEDED
        needed = {
            direction.destination: checkpoint.retained_from
            for direction, checkpoint in self._checkpoints.all_checkpoints().items()
            if direction.source == self._site
            and (direction.tenant, direction.namespace) == (partition.tenant, partition.namespace)
            and direction.feed is feed
        }
        return max(self._longest(), min((needed.get(peer, 0) for peer in self._peers), default=0))

    def _longest(self) -> int:
        return stamp_at(self._clock.unix_ms() - FEED_KEPT_MS)

    def _is_shared(self, partition: Partition) -> bool:
        return bool(self._peers) and self._shared(partition.tenant, partition.namespace)
