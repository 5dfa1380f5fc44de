"""A key-value put that was long under way: a reader of the change feed must not have passed it by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from quartzdb.domain.condition import ABSENT
from quartzdb.domain.errors import KeyNotFound
from quartzdb.domain.hlc import HybridClock
from quartzdb.domain.namespace import Namespace, NamespaceSettings, Partition
from quartzdb.services.keyvalue import KeyValues, NewItem
from quartzdb.storage.log.protocol import ACKNOWLEDGE_WITHIN_MS
from quartzdb.storage.ports import Beside, Expect, Item, PutOutcome
from tests.doubles.memory_keyvalue import MemoryKeyValue
from tests.manual_clock import ManualClock

NAMESPACE = Namespace("t", "n", "g", NamespaceSettings(), 0)


class SlowTable(MemoryKeyValue):
    """Each put takes as long as the next of `seconds` says, and then `meanwhile` happens."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock
        self.seconds: list[float] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.puts = 0

    def put(
        self, partition: Partition, item: Item, expect: Expect | None = None, *, beside: Beside | None = None
    ) -> PutOutcome:
        """As the port says."""
        outcome = super().put(partition, item, expect, beside=beside)
        self._wait()
        return outcome

    def put_many(
        self, partition: Partition, items: Sequence[Item], *, beside: Beside | None = None
    ) -> Sequence[PutOutcome]:
        """As the port says."""
        outcomes = super().put_many(partition, items, beside=beside)
        self._wait()
        return outcomes

    def _wait(self) -> None:
        self.puts += 1
        if self.seconds:
            self._clock.seconds += self.seconds.pop(0)
            self.meanwhile()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def table(clock: ManualClock) -> SlowTable:
    return SlowTable(clock)


@pytest.fixture
def values(table: SlowTable, clock: ManualClock, tmp_path: Path) -> KeyValues:
    return KeyValues(table, HybridClock(clock.unix_ms, "here.1", ahead_ms_max=500), clock)


def place(table: SlowTable, key: str = "k") -> Item:
    return table.get(NAMESPACE.partition, [key])[key]


def test_a_put_in_time_is_one_put(table: SlowTable, values: KeyValues) -> None:
    """At its own version."""
    table.seconds = [ACKNOWLEDGE_WITHIN_MS / 1000]
    version = values.put(NAMESPACE, NewItem("k", b"v"))
    assert (table.puts, place(table).version, place(table).appended) == (1, version, version.stamp)


def test_a_late_put_takes_a_new_place(table: SlowTable, values: KeyValues, clock: ManualClock) -> None:
    """Close to the time of its answer, by which a client may hold it to be there."""
    table.seconds = [1.5]
    version = values.put(NAMESPACE, NewItem("k", b"v"), match=ABSENT)
    assert (table.puts, version.milliseconds) == (2, clock.unix_ms())
    assert (place(table).version, place(table).appended, place(table).value) == (version, version.stamp, b"v")


def test_a_late_deletion_takes_a_new_place(table: SlowTable, values: KeyValues, clock: ManualClock) -> None:
    """Tombstones are in the feed, too."""
    values.put(NAMESPACE, NewItem("k", b"v"))
    table.seconds = [1.5]
    version, existed = values.delete(NAMESPACE, "k")
    assert existed
    assert (place(table).version, version.milliseconds) == (version, clock.unix_ms())
    with pytest.raises(KeyNotFound):
        values.get(NAMESPACE, "k")


@pytest.mark.parametrize("deleting", [False, True])
def test_what_another_has_put_since_stays(
    table: SlowTable, values: KeyValues, clock: ManualClock, deleting: bool
) -> None:
    """It may have been decided from the late put, so that must not come again on top."""
    other = KeyValues(table, HybridClock(clock.unix_ms, "here.2", ahead_ms_max=500), clock)
    table.seconds = [1.5]
    table.meanwhile = lambda: other.put(NAMESPACE, NewItem("k", b"other"))
    if deleting:
        values.delete(NAMESPACE, "k")
    else:
        values.put(NAMESPACE, NewItem("k", b"v"))
    assert place(table).value == b"other"


def test_a_late_batch_takes_a_new_place(table: SlowTable, values: KeyValues, clock: ManualClock) -> None:
    """All of it but what another has put since."""
    other = KeyValues(table, HybridClock(clock.unix_ms, "here.2", ahead_ms_max=500), clock)
    table.seconds = [1.5]
    table.meanwhile = lambda: other.put(NAMESPACE, NewItem("b", b"other"))
    version = values.put_many(NAMESPACE, [NewItem(key, b"v") for key in "abc"])
    assert [place(table, key).value for key in "abc"] == [b"v", b"other", b"v"]
    assert {place(table, key).version for key in "ac"} == {version}
    assert version.milliseconds == clock.unix_ms()


def test_a_table_that_stays_slow_is_not_asked_for_ever(table: SlowTable, values: KeyValues) -> None:
    """The put is done, and answered; a comparison of the two sites finds what a feed has missed."""
    table.seconds = [1.5] * 100
    version = values.put(NAMESPACE, NewItem("k", b"v"))
    assert table.puts == 3
    assert place(table).version == version
