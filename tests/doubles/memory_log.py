"""The change log in memory: what a ChangeLog is, in its shortest form. Nothing survives the process."""

from __future__ import annotations

import threading
from bisect import bisect_right, insort
from collections.abc import Callable, Collection, Mapping, Sequence

from quartzdb.domain.errors import Conflict, NamespaceNotFound
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import SEALED, LogPage, StampBehind


class _Partition:
    def __init__(self) -> None:
        self.floor = 0
        self.fence = 0
        self.keys: list[Version] = []
        self.bodies: dict[Version, bytes] = {}

    @property
    def head(self) -> int:
        return max(self.floor, self.keys[-1].stamp if self.keys else 0)

    def place_after(self, stamp: int) -> int:
        return bisect_right(self.keys, stamp, key=lambda key: key.stamp)


_NEVER_WRITTEN = _Partition()


class MemoryChangeLog:
    """ChangeLog in memory. `behind_max` is how far behind the head an append may land, in stamp units."""

    def __init__(self, *, behind_max: int) -> None:
        self._behind_max = behind_max
        self._partitions: dict[Partition, _Partition] = {}
        self._commits = 0
        self._lock = threading.Lock()

    @property
    def ordered(self) -> bool:
        """Whether an entry has to be later than the head."""
        return self._behind_max < 0

    def data_version(self) -> bytes:
        """How much was committed and trimmed."""
        return self._commits.to_bytes(8)

    def append(self, partition: Partition, key: Version, body: bytes) -> None:
        """Commit one entry. Raises StampBehind, NamespaceNotFound (sealed) or Conflict (same key, another body)."""
        with self._lock:
            self._append(partition, key, body)

    def append_next(self, partition: Partition, body: bytes, key_after: Callable[[int], Version]) -> Version:
        """Commit one entry behind the head. Raises NamespaceNotFound (sealed)."""
        with self._lock:
            log = self._partitions.get(partition)
            key = key_after(0 if log is None or log.floor == SEALED else log.head)
            self._append(partition, key, body)
            return key

    def append_together(self, bodies: Mapping[Partition, bytes], key: Version) -> None:
        """Commit one entry in each partition, or none. Raises as `append` does."""
        with self._lock:
            missing = {one: body for one, body in bodies.items() if not self._has(one, key, body)}
            for partition in missing:
                self._check(partition, key)
            for partition, body in missing.items():
                self._append(partition, key, body)

    def append_next_together(
        self, bodies: Mapping[Partition, bytes], key_after: Callable[[int], Version]
    ) -> Version:
        """Commit one entry in each partition behind all their heads. Raises NamespaceNotFound (sealed)."""
        with self._lock:
            logs = [self._partitions.get(partition) for partition in bodies]
            key = key_after(max(0 if log is None or log.floor == SEALED else log.head for log in logs))
            for partition in bodies:
                self._check(partition, key)
            for partition, body in bodies.items():
                self._append(partition, key, body)
            return key

    def append_next_if(
        self,
        bodies: Mapping[Partition, bytes],
        key_after: Callable[[int], Version],
        since: Mapping[Partition, int],
        holds: Callable[[Sequence[LogPage]], bool],
    ) -> Version | None:
        """Commit one entry in each partition behind all their heads, if `holds` accepts what came in between."""
        with self._lock:
            logs = {partition: self._partitions.get(partition, _NEVER_WRITTEN) for partition in bodies}
            pages = [
                LogPage(
                    [(key, log.bodies[key]) for key in log.keys[log.place_after(since[partition]) :]],
                    log.floor,
                )
                for partition, log in logs.items()
            ]
            key = key_after(max(0 if log.floor == SEALED else log.head for log in logs.values()))
            for partition in bodies:
                self._check(partition, key)
            if not holds(pages):
                return None
            for partition, body in bodies.items():
                self._append(partition, key, body)
            return key

    def fence(self, partition: Partition, key: Version) -> None:
        """Raise the fence to the key. Raises StampBehind where another is as late."""
        with self._lock:
            log = self._partitions.setdefault(partition, _Partition())
            if log.floor == SEALED:
                self._check(partition, key)
            if key.stamp <= max(log.floor, log.fence):
                raise StampBehind(max(log.floor, log.fence))
            log.fence = key.stamp

    def append_fenced(self, bodies: Mapping[Partition, bytes], key: Version) -> bool:
        """Commit one entry in each partition if the key's own fence is still the latest."""
        with self._lock:
            logs = [self._partitions.setdefault(partition, _Partition()) for partition in bodies]
            if any(log.fence != key.stamp or log.floor >= key.stamp for log in logs):
                return False
            self._commits += 1
            for log, body in zip(logs, bodies.values(), strict=True):
                insort(log.keys, key)
                log.bodies[key] = body
            return True

    def read(
        self,
        partition: Partition,
        after: int,
        known: Collection[Version] = (),
        *,
        bytes_max: int | None = None,
        entries_max: int | None = None,
    ) -> LogPage:
        """Every entry with a stamp > `after` that is not in `known`, or the first of them past `bytes_max`."""
        with self._lock:
            log = self._partitions.get(partition)
            if log is None:
                return LogPage((), 0)
            entries: list[tuple[Version, bytes]] = []
            size = 0
            for key in log.keys[log.place_after(after) :]:
                if key in known:
                    continue
                if bytes_max is not None and size > bytes_max:
                    return LogPage(entries, log.floor, more=True)
                if entries_max is not None and len(entries) >= entries_max:
                    return LogPage(entries, log.floor, more=True)
                entries.append((key, log.bodies[key]))
                size += len(log.bodies[key])
            return LogPage(entries, log.floor)

    def trim(self, partition: Partition, upto: int) -> int:
        """Raise the floor to `upto`, then drop entries with a stamp <= it. Returns how many were dropped."""
        with self._lock:
            log = self._partitions.setdefault(partition, _Partition())
            self._commits += 1
            log.floor = max(log.floor, upto)
            place = log.place_after(upto)
            for key in log.keys[:place]:
                del log.bodies[key]
            del log.keys[:place]
            return place

    def seal(self, partition: Partition) -> None:
        """Raise the floor to SEALED and drop everything."""
        self.trim(partition, SEALED)

    def head(self, partition: Partition) -> int:
        """The highest stamp committed or trimmed to; 0 for none, and for a sealed log."""
        with self._lock:
            log = self._partitions.get(partition)
            return 0 if log is None or log.floor == SEALED else log.head

    def partitions(self) -> Sequence[Partition]:
        """Partitions that have entries and are not sealed."""
        with self._lock:
            return sorted(partition for partition, log in self._partitions.items() if log.keys)

    def _append(self, partition: Partition, key: Version, body: bytes) -> None:
        if self._has(partition, key, body):
            return
        self._check(partition, key)
        log = self._partitions.setdefault(partition, _Partition())
        self._commits += 1
        insort(log.keys, key)
        log.bodies[key] = body

    def _has(self, partition: Partition, key: Version, body: bytes) -> bool:
        """Whether the entry is there. Raises Conflict where another one is."""
        log = self._partitions.get(partition)
        if log is None or key not in log.bodies:
            return False
        if log.bodies[key] != body:
            raise Conflict(f"The log entry {key} of {partition} exists with another body.")
        return True

    def _check(self, partition: Partition, key: Version) -> None:
        """Raises why no entry may be added under the key."""
        log = self._partitions.get(partition, _NEVER_WRITTEN)
        if log.floor == SEALED:
            raise NamespaceNotFound(
                f"The namespace {partition.namespace!r} was deleted while it was written to.",
                field="namespace",
                hint="Create it again, then repeat the write.",
            )
        if key.stamp <= max(log.floor, log.fence) or key.stamp < log.head - self._behind_max:
            raise StampBehind(max(log.head, log.fence))
