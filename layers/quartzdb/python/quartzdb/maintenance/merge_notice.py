"""The notice of a merge that other processes carry out: which segments it takes, so that nobody merges them meanwhile.

Only ever an optimisation: a merge whose notice was lost is still published, or found void, by what the manifest says.
A notice lapses with the time that its merge may take; a sweep removes it later, like anything that no manifest names.
"""

from __future__ import annotations

import orjson

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.merge_plan import MergePlan
from quartzdb.storage.snapshot.store import SnapshotStore

MERGE_MS_MAX = 2 * 3_600_000
"""The longest that a merge may take from its plan to its publication; after that it counts as dead."""


class MergeNotices:
    """One notice for each partition. Thread-safe."""

    def __init__(self, store: SnapshotStore, clock: Clock) -> None:
        self._blobs = store.blobs
        self._clock = clock

    def under_way(self, partition: Partition) -> MergePlan | None:
        """The merge that may still be running, if there is one."""
        read = self._blobs.read_pointer(_key(partition))
        if read is None:
            return None
        try:
            notice = orjson.loads(read[0])
            plan = MergePlan.parse(notice["plan"])
            return plan if self._clock.unix_ms() < notice["until_ms"] else None
        except (ValueError, KeyError, TypeError, InvalidArgument):
            return None  # whatever that is, it announces no merge; the next one overwrites it

    def post(self, plan: MergePlan) -> bool:
        """Announce a merge. False where another one was announced at the same moment."""
        key = _key(plan.partition)
        read = self._blobs.read_pointer(key)
        until_ms = self._clock.unix_ms() + MERGE_MS_MAX
        content = orjson.dumps({"plan": plan.document(), "until_ms": until_ms})
        return self._blobs.swap_pointer(key, content, read[1] if read else None)

    def remove(self, plan: MergePlan) -> None:
        """The merge has ended."""
        running = self.under_way(plan.partition)
        if running is not None and running.name == plan.name:
            self._blobs.delete([_key(plan.partition)])


def this_round(clock: Clock) -> int:
    """The `round` of plans made now: a merge that died is planned anew when its time is over, under another name."""
    return clock.unix_ms() // MERGE_MS_MAX


def _key(partition: Partition) -> str:
    return f"{partition}/MERGING"
