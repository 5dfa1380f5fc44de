"""A key-value table whose index follows by a moment, and a process's way to it: slow, failing, with places to crash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from quartzdb.domain.errors import Unavailable
from quartzdb.domain.namespace import Partition
from quartzdb.storage.ports import Beside, Expect, Item, KeyPage, KeyValueTable, PutOutcome
from tests.doubles.memory_keyvalue import MemoryKeyValue
from tests.simulation.world import World


class LaggingKeyValue(MemoryKeyValue):
    """The change feed has an item at its old place until up to `lag_s` after it was stored, as DynamoDB's index has.

    `latest`: what was ever stored last of a key.
    """

    def __init__(self, world: World, lag_s: float) -> None:
        super().__init__()
        self._world = world
        self._lag_s = lag_s
        self._places: dict[str, tuple[int | None, float]] = {}
        self.latest: dict[str, Item] = {}

    def changes(self, partition: Partition, after: int, upto: int, limit: int) -> Sequence[Item]:
        """As the port says."""
        placed: list[Item] = []
        for item in super().changes(partition, -1, 1 << 63, 1 << 30):
            old, followed_at = self._places.get(item.key, (None, 0.0))
            place = item.appended if followed_at <= self._world.now else old
            if place is not None and after < place <= upto:
                placed.append(replace(item, appended=place))
        placed.sort(key=lambda item: (item.appended, item.key))
        return [item for item in placed if item.appended <= placed[:limit][-1].appended]

    def _put(
        self, partition: Partition, item: Item, expect: Expect | None, beside: Beside | None = None
    ) -> PutOutcome:
        before = self._tables[partition].get(item.key)
        outcome = super()._put(partition, item, expect, beside)
        if outcome.stored:
            self.latest[item.key] = item
            old, followed_at = self._places.get(item.key, (None, 0.0))
            if before is not None and followed_at <= self._world.now:
                old = before.appended
            self._places[item.key] = (old, self._world.now + self._world.random.uniform(0, self._lag_s))
        return outcome


class SlowTable:
    """KeyValueTable of one process. A put that fails may have been stored all the same.

    `stalls`: some requests take seconds. A put that is stored late and then fails may be in no page of the feed.
    """

    def __init__(self, world: World, shared: KeyValueTable, *, stalls: bool = True) -> None:
        self._world = world
        self._shared = shared
        self._stalls = stalls

    @property
    def ordered(self) -> bool:
        """As the shared one."""
        return self._shared.ordered

    def head(self, partition: Partition) -> int:
        """As the port says."""
        return self._shared.head(partition)

    @property
    def batch_items_max(self) -> int:
        """Few, so that a page of changes takes several."""
        return 3

    def get(self, partition: Partition, keys: Sequence[str]) -> Mapping[str, Item]:
        """As the port says."""
        self._step()
        return self._shared.get(partition, keys)

    def put(
        self, partition: Partition, item: Item, expect: Expect | None = None, *, beside: Beside | None = None
    ) -> PutOutcome:
        """As the port says."""
        return self._write(lambda: self._shared.put(partition, item, expect, beside=beside))  # type: ignore[return-value]

    def put_many(
        self, partition: Partition, items: Sequence[Item], *, beside: Beside | None = None
    ) -> Sequence[PutOutcome]:
        """As the port says."""
        return self._write(lambda: self._shared.put_many(partition, items, beside=beside))  # type: ignore[return-value]

    def list(
        self, partition: Partition, *, prefix: str, after: str | None, limit: int, now_ms: int, values: bool
    ) -> KeyPage:
        """As the port says."""
        self._step()
        return self._shared.list(
            partition, prefix=prefix, after=after, limit=limit, now_ms=now_ms, values=values
        )

    def all_items(self, partition: Partition) -> Iterator[Item]:
        """As the port says."""
        self._step()
        return self._shared.all_items(partition)

    def changes(self, partition: Partition, after: int, upto: int, limit: int) -> Sequence[Item]:
        """As the port says."""
        self._step()
        return self._shared.changes(partition, after, upto, limit)

    def purge(self, partition: Partition, expired_before_ms: int, deleted_before: int, limit: int) -> int:
        """As the port says."""
        return self._shared.purge(partition, expired_before_ms, deleted_before, limit)

    def drop(self, partition: Partition) -> None:
        """As the port says."""
        self._shared.drop(partition)

    def count(self, partition: Partition, now_ms: int) -> tuple[int, int]:
        """As the port says."""
        return self._shared.count(partition, now_ms)

    def _write(self, put: object) -> object:
        self._step()
        fate = self._world.random.random()
        if fate < 0.02:
            raise Unavailable("the table did not answer")
        outcome = put()  # type: ignore[operator]
        if fate < 0.04:
            raise Unavailable("the table's answer was lost")
        self._step()
        return outcome

    def _step(self) -> None:
        slow = self._world.random.random() < 0.03 and self._stalls
        self._world.step(
            self._world.random.uniform(0.1, 4.0) if slow else self._world.random.expovariate(1 / 0.01)
        )
