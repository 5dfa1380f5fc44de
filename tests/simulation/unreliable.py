"""Ports of one process, over storage that all processes share: slow, repeating, failing, and places to crash at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from quartzdb.domain.errors import Unavailable
from quartzdb.domain.hlc import Version
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import BlobStore, ChangeLog, LogPage, StampBehind
from tests.simulation.world import World

Landed = TypeVar("Landed")

GIVES_UP_AFTER_S = 25.0
"""The longest that a put which its writer gave up on may still take to land; less than the margin."""


class UnreliableLog:
    """Appends may be slow on either side of landing, land twice, or fail and land long afterwards or never.

    Without `late_puts` they are quick, and what fails never lands.
    """

    def __init__(self, world: World, shared: ChangeLog, *, late_puts: bool = True) -> None:
        self._world = world
        self._shared = shared
        self._late_puts = late_puts
        self.reads = 0

    @property
    def ordered(self) -> bool:
        """As the port says."""
        return self._shared.ordered

    def data_version(self) -> bytes | None:
        """As the port says: of a log where entries land late, only a read tells. Others write before and after it."""
        if not self.ordered:
            return None
        self._world.step(self._latency())
        told = self._shared.data_version()
        self._world.step(self._latency())
        return told

    def append(self, partition: Partition, key: Version, body: bytes) -> None:
        """As the port says."""
        self._put(lambda: self._shared.append(partition, key, body))

    def append_together(self, bodies: Mapping[Partition, bytes], key: Version) -> None:
        """As the port says."""
        self._put(lambda: self._shared.append_together(bodies, key))

    def append_next(self, partition: Partition, body: bytes, key_after: Callable[[int], Version]) -> Version:
        """As the port says. What fails may have been committed all the same."""
        return self._put_next(lambda: self._shared.append_next(partition, body, key_after))

    def append_next_together(
        self, bodies: Mapping[Partition, bytes], key_after: Callable[[int], Version]
    ) -> Version:
        """As the port says. What fails may have been committed all the same."""
        return self._put_next(lambda: self._shared.append_next_together(bodies, key_after))

    def append_next_if(
        self,
        bodies: Mapping[Partition, bytes],
        key_after: Callable[[int], Version],
        since: Mapping[Partition, int],
        holds: Callable[[Sequence[LogPage]], bool],
    ) -> Version | None:
        """As the port says. What fails may have been committed all the same."""
        return self._put_next(lambda: self._shared.append_next_if(bodies, key_after, since, holds))

    def fence(self, partition: Partition, key: Version) -> None:
        """As the port says."""
        self._world.step(self._latency())
        self._shared.fence(partition, key)
        self._world.step(self._latency())

    def append_fenced(self, bodies: Mapping[Partition, bytes], key: Version) -> bool:
        """As the port says. What fails may have been committed all the same."""
        return self._put_next(lambda: self._shared.append_fenced(bodies, key))

    def read(
        self,
        partition: Partition,
        after: int,
        known: Collection[Version] = (),
        *,
        bytes_max: int | None = None,
        entries_max: int | None = None,
    ) -> LogPage:
        """As the port says."""
        self.reads += 1
        self._world.step(self._latency())
        page = self._shared.read(partition, after, known, bytes_max=bytes_max, entries_max=entries_max)
        self._world.step(self._latency())
        return page

    def trim(self, partition: Partition, upto: int) -> int:
        """As the port says."""
        self._world.step(self._latency())
        return self._shared.trim(partition, upto)

    def seal(self, partition: Partition) -> None:
        """As the port says."""
        self._shared.seal(partition)

    def head(self, partition: Partition) -> int:
        """As the port says."""
        self._world.step(self._latency())
        return self._shared.head(partition)

    def partitions(self) -> Sequence[Partition]:
        """As the port says."""
        return self._shared.partitions()

    def _put(self, land: Callable[[], None]) -> None:
        world, chance = self._world, self._world.random
        self._world.step(self._latency())
        fate = chance.random()
        if fate < 0.04:
            if fate < 0.03 and self._late_puts:
                world.later(chance.uniform(0, GIVES_UP_AFTER_S), lambda: self._land(land))
            raise Unavailable("the log did not answer")
        land()
        if fate > 0.95 and self._late_puts:
            world.later(chance.uniform(0, GIVES_UP_AFTER_S), lambda: self._land(land))
        self._world.step(self._latency())

    def _put_next(self, land: Callable[[], Landed]) -> Landed:
        self._world.step(self._latency())
        fate = self._world.random.random()
        if fate < 0.02:
            raise Unavailable("the log did not answer")
        key = land()
        if fate < 0.04:
            raise Unavailable("the log's answer was lost")
        self._world.step(self._latency())
        return key

    @staticmethod
    def _land(land: Callable[[], None]) -> None:
        # Refused, it may be: nobody was told that it was written.
        with suppress(StampBehind):
            land()

    def _latency(self) -> float:
        slow = self._world.random.random() < 0.03 and self._late_puts
        return self._world.random.uniform(0.3, 3.0) if slow else self._world.random.expovariate(1 / 0.01)


class UnreliableBlobs:
    """Blobs that take time, and between whose every call the process may die. Readers fetch them in parts."""

    remote = True

    def __init__(self, world: World, shared: BlobStore, *, stalls: float = 0.004) -> None:
        self._world = world
        self._shared = shared
        self._stalls = stalls
        self._seen: dict[str, list[bytes]] = {}

    def put(self, key: str, data: bytes | Path) -> None:
        """As the port says."""
        self._step()
        self._shared.put(key, data)

    def get(self, key: str) -> bytes:
        """As the port says."""
        self._step()
        return self._shared.get(key)

    def read_ranges(self, key: str, ranges: Sequence[tuple[int, int]]) -> Sequence[bytes | bytearray]:
        """As the port says."""
        self._step()
        return self._shared.read_ranges(key, ranges)

    def local_file(self, key: str) -> Path:
        """As the port says."""
        self._step()
        return self._shared.local_file(key)

    def forget_copy(self, key: str) -> None:
        """As the port says."""
        self._shared.forget_copy(key)

    def list(self, prefix: str) -> Iterator[tuple[str, int, int]]:
        """As the port says."""
        self._step()
        return self._shared.list(prefix)

    def delete(self, keys: Sequence[str]) -> None:
        """As the port says."""
        for key in keys:
            self._step()
            self._shared.delete([key])

    def read_pointer(self, key: str) -> tuple[bytes, str] | None:
        """As the port says."""
        self._step()
        found = self._shared.read_pointer(key)
        if found is not None:
            self._seen.setdefault(key, []).append(found[0])
        return found

    def recent_pointer(self, key: str) -> bytes | None:
        """Whatever it was at any time, as the port allows."""
        self._step()
        ever: list[bytes | None] = [*self._seen.get(key, ()), self._shared.recent_pointer(key)]
        return self._world.random.choice(ever)

    def swap_pointer(self, key: str, content: bytes, tag: str | None) -> bool:
        """As the port says."""
        self._step()
        swapped = self._shared.swap_pointer(key, content, tag)
        self._step()
        return swapped

    def stall(self) -> None:
        """Stand still for long."""
        self._world.step(self._world.random.uniform(20, 50))

    def _step(self) -> None:
        chance = self._world.random
        # A build may take so long that others publish, trim and sweep several times meanwhile.
        stalled = chance.random() < self._stalls
        self._world.step(chance.uniform(20, 50) if stalled else chance.expovariate(1 / 0.01))
