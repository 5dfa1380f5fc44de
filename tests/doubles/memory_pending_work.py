"""The list of pending work, in memory: what a PendingWorkList is, in its shortest form."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from quartzdb.domain.namespace import Partition
from quartzdb.maintenance.ports import PendingWork


class MemoryPendingWork:
    """PendingWorkList in memory."""

    def __init__(self) -> None:
        self._noted: dict[Partition, PendingWork] = {}
        self._notes = 0
        self._lock = threading.Lock()

    def note(self, partition: Partition, since_ms: int) -> None:
        """There is something to do."""
        with self._lock:
            self._notes += 1
            self._noted[partition] = PendingWork(partition, since_ms, str(self._notes))

    def all_pending(self) -> Sequence[PendingWork]:
        """All that is noted."""
        with self._lock:
            return list(self._noted.values())

    def settle(self, one: PendingWork) -> bool:
        """Forget it, unless it was noted again."""
        with self._lock:
            if self._noted.get(one.partition) != one:
                return False
            del self._noted[one.partition]
            return True
