"""The readers of this process: one per shard of a generation, made on first use, the least used ones let go."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.namespace import Namespace
from quartzdb.storage.ports import ChangeLog
from quartzdb.storage.snapshot.cache import SegmentCache
from quartzdb.storage.snapshot.reader import NamespaceReader
from quartzdb.storage.snapshot.store import SnapshotStore


class Readers:
    """Thread-safe. Those of at most `open_max` namespaces stay open; what was let go is simply opened again.

    A namespace's shards are let go together: each of its queries needs them all.
    """

    def __init__(
        self, log: ChangeLog, store: SnapshotStore, cache: SegmentCache, clock: Clock, *, open_max: int = 256
    ) -> None:
        self._log = log
        self._store = store
        self._cache = cache
        self._clock = clock
        self._open_max = open_max
        self._open: OrderedDict[str, dict[int, NamespaceReader]] = OrderedDict()
        self._lock = threading.Lock()
        cache.give_way = self.give_way

    def of(self, namespace: Namespace) -> NamespaceReader:
        """The reader of one shard of a namespace that holds vectors."""
        with self._lock:
            shards = self._open.setdefault(namespace.generation, {})
            reader = shards.get(namespace.shard)
            if reader is None or _declares_since(reader.namespace, namespace):
                reader = NamespaceReader(namespace, self._log, self._store, self._cache, self._clock)
                shards[namespace.shard] = reader
            self._open.move_to_end(namespace.generation)
            while len(self._open) > self._open_max:
                self._open.popitem(last=False)
            return reader

    def give_way(self) -> bool:
        """Let go of the namespace that was used least recently; False where there is none.

        What a request is reading goes when it is done.
        """
        with self._lock:
            if not self._open:
                return False
            self._open.popitem(last=False)
            return True

    def opened(self) -> Sequence[NamespaceReader]:
        """Those open now."""
        with self._lock:
            return [reader for shards in self._open.values() for reader in shards.values()]

    def forget(self, namespace: Namespace) -> None:
        """Let a deleted generation's readers go."""
        with self._lock:
            self._open.pop(namespace.generation, None)


def _declares_since(before: Namespace, now: Namespace) -> bool:
    """Whether a namespace that declared no field took some over from the peer since a reader was made."""
    return before.declaring(now.settings) != before
