"""The readers of this process: one per shard of a generation, made on first use, the least used ones let go."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from quartzdb.domain.namespace import Namespace, Partition
from quartzdb.ports import ChangeLog, Clock
from quartzdb.snapshot.cache import SegmentCache
from quartzdb.snapshot.reader import NamespaceReader
from quartzdb.snapshot.store import SnapshotStore


class Readers:
    """Thread-safe. At most `open_max` readers stay open; one that was let go is simply opened again."""

    def __init__(
        self, log: ChangeLog, store: SnapshotStore, cache: SegmentCache, clock: Clock, *, open_max: int = 256
    ) -> None:
        self._log = log
        self._store = store
        self._cache = cache
        self._clock = clock
        self._open_max = open_max
        self._open: OrderedDict[Partition, NamespaceReader] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, namespace: Namespace) -> NamespaceReader:
        """The reader of one shard of a namespace that holds vectors."""
        partition = namespace.partition
        with self._lock:
            reader = self._open.get(partition)
            if reader is None:
                reader = NamespaceReader(namespace, self._log, self._store, self._cache, self._clock)
                self._open[partition] = reader
            self._open.move_to_end(partition)
            while len(self._open) > self._open_max:
                self._open.popitem(last=False)
            return reader

    def opened(self) -> Sequence[NamespaceReader]:
        """Those open now."""
        with self._lock:
            return list(self._open.values())

    def forget(self, namespace: Namespace) -> None:
        """Let a deleted generation's readers go."""
        with self._lock:
            for partition in namespace.partitions:
                self._open.pop(partition, None)
