"""One direction, pass by pass: what is kept, what is tried again and when, and what stands still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quartzdb.domain.errors import ClockSkew, Conflict, InvalidArgument, NotFound, QuartzError, Unavailable
from quartzdb.replication.ports import (
    Applied,
    Changes,
    Checkpoint,
    Direction,
    Feed,
    FeedGap,
    FeedPage,
    RepairState,
    SharedNamespace,
)
from quartzdb.replication.streams.pump import RETRY_STOPPED_MS, PassOutcome, Pump, resumed
from quartzdb.replication.streams.replicator import Replicator
from quartzdb.replication.streams.stream import Stream
from quartzdb.services.keyvalue import NewItem
from quartzdb.storage.ports import Item
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.manual_clock import ManualClock
from tests.replica_sites import NAMESPACE, LocalSite, memory_site, version_at

OUT = Direction("here", "there", NAMESPACE.tenant, NAMESPACE.namespace, Feed.KEYS)


class Scripted:
    """A source and a destination that do what the test says, and remember what they were asked."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.read_error: Exception | None = None
        self.cursors: list[str | None] = []
        self.applied: list[int] = []
        self.pages = 3

    def changes(
        self,
        namespace: SharedNamespace,
        feed: Feed,
        cursor: str | None,
        *,
        limit: int,
        exclude_site: str | None,
    ) -> FeedPage:
        self.cursors.append(cursor)
        if self.read_error is not None:
            raise self.read_error
        number = int(cursor or 0) + 1
        item = Item(f"k{number}", version_at(ManualClock(), "here"), 0, b"v")
        return FeedPage([item], str(number), number < self.pages, 1_000 * number)

    def apply(self, namespace: SharedNamespace, feed: Feed, changes: Changes) -> Applied:
        if self.error is not None:
            raise self.error
        self.applied.append(len(changes))
        return Applied(len(changes), 0, 0)


@pytest.fixture
def ends() -> Scripted:
    return Scripted()


@pytest.fixture
def checkpoints() -> MemoryCheckpoints:
    return MemoryCheckpoints()


@pytest.fixture
def pump(ends: Scripted, checkpoints: MemoryCheckpoints, clock: ManualClock) -> Pump:
    return Pump(
        OUT,
        NAMESPACE,
        ends,
        ends,
        checkpoints,
        clock,
        lambda: 1.0,
        position_of=lambda cursor: int(cursor) * 7,
    )


def test_a_pass_moves_one_page_and_then_keeps_its_place(
    pump: Pump, ends: Scripted, checkpoints: MemoryCheckpoints
) -> None:
    """How late the destination is, is known at the end of the feed only."""
    assert pump.run().outcome is PassOutcome.MOVED
    state = checkpoints.read(OUT)
    assert state is not None
    assert (state.cursor, state.through_ms, state.retained_from) == ("1", 0, 7)
    assert [pump.run().outcome for _ in range(2)] == [PassOutcome.MOVED, PassOutcome.LEVEL]
    state = checkpoints.read(OUT)
    assert state is not None
    assert (state.cursor, state.through_ms, state.retained_from) == ("3", 3_000, 21)
    assert ends.cursors == [None, "1", "2"]


def test_what_may_pass_is_tried_again_ever_more_rarely(
    pump: Pump, ends: Scripted, checkpoints: MemoryCheckpoints, clock: ManualClock
) -> None:
    """After 0.5 s, doubling to a minute; the page that was read is pending, and repeated whole."""
    ends.error = Unavailable("no line")
    pauses = []
    assert pump.run().outcome is PassOutcome.FAILED
    for _ in range(9):
        begun = clock.seconds
        while (outcome := pump.run().outcome) is PassOutcome.WAITING:
            clock.sleep(0.25)
        assert outcome is PassOutcome.FAILED
        pauses.append(clock.seconds - begun)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    state = checkpoints.read(OUT)
    assert state is not None
    assert (state.cursor, state.pending, state.error) == (None, 1, "unavailable: no line")
    ends.error = None
    clock.sleep(60)
    assert pump.run().outcome is PassOutcome.MOVED
    state = checkpoints.read(OUT)
    assert state is not None
    assert (state.pending, state.error, state.failed_ms) == (0, None, 0)


def test_a_site_that_asks_for_patience_gets_it(pump: Pump, ends: Scripted, clock: ManualClock) -> None:
    """At least as long as it said."""
    ends.error = Unavailable("busy", retry_after_s=42.0)
    assert pump.run().outcome is PassOutcome.FAILED
    ends.error = None
    clock.sleep(41.9)
    assert pump.run().outcome is PassOutcome.WAITING
    clock.sleep(0.2)
    assert pump.run().outcome is PassOutcome.MOVED


@pytest.mark.parametrize(
    "error", [Conflict("other settings"), InvalidArgument("no such thing"), NotFound("not shared")]
)
def test_what_will_not_pass_stops_the_direction(
    pump: Pump, ends: Scripted, checkpoints: MemoryCheckpoints, clock: ManualClock, error: QuartzError
) -> None:
    """Nothing is skipped. It goes on when an operator says so, or after a long while; with the very same page."""
    ends.error = error
    assert pump.run().outcome is PassOutcome.STOPPED
    state = checkpoints.read(OUT)
    assert state is not None
    assert state.stopped
    assert state.cursor is None
    asked = len(ends.cursors)
    clock.sleep(600)
    assert pump.run().outcome is PassOutcome.STOPPED
    assert len(ends.cursors) == asked, "nobody was asked again"
    ends.error = None
    checkpoints.write(OUT, resumed(state))
    assert pump.run().outcome is PassOutcome.MOVED
    ends.error = error
    assert pump.run().outcome is PassOutcome.STOPPED
    ends.error = None
    clock.sleep(RETRY_STOPPED_MS / 1000)
    assert pump.run().outcome is PassOutcome.MOVED
    assert ends.cursors[-1] == "1"


def test_a_clock_that_is_wrong_comes_right(
    pump: Pump, ends: Scripted, checkpoints: MemoryCheckpoints
) -> None:
    """The one refusal by 409 that is tried again by itself."""
    ends.error = ClockSkew("ahead")
    assert pump.run().outcome is PassOutcome.FAILED
    state = checkpoints.read(OUT)
    assert state is not None
    assert not state.stopped


def test_a_gap_is_not_passed_before_it_is_repaired(
    pump: Pump, ends: Scripted, checkpoints: MemoryCheckpoints
) -> None:
    """The place stays, so that whoever takes over finds the gap as well."""
    checkpoints.write(OUT, Checkpoint(cursor="1", through_ms=5))
    ends.read_error = FeedGap("2")
    done = pump.run()
    assert (done.outcome, done.gap) == (PassOutcome.GAP, "2")
    assert checkpoints.read(OUT) == Checkpoint(cursor="1", through_ms=5)
    pump.go_on("2")
    assert checkpoints.read(OUT) == Checkpoint(cursor="2", through_ms=5, retained_from=14)


def test_a_key_that_never_rests_arrives(
    tmp_path: Path, clock: ManualClock, checkpoints: MemoryCheckpoints
) -> None:
    """Also one that is put more often than the feed waits for what may come late."""
    here, there = (memory_site(name, tmp_path, clock) for name in ("here", "there"))
    local: Callable[[LocalSite], Any] = lambda site: site.adapters.catalog.get("t", "default")  # noqa: E731
    there.replica.apply(NAMESPACE, Feed.KEYS, [])
    here.replica.apply(NAMESPACE, Feed.KEYS, [])
    pump = Pump(OUT, NAMESPACE, here.replica, there.replica, checkpoints, clock, lambda: 1.0)
    for number in range(20):
        here.database.key_values.put(local(here), NewItem("hot", b"%d" % number))
        clock.sleep(0.5)
        pump.run()
    assert there.database.key_values.get(local(there), "hot").value == b"19"


def test_a_peer_that_cannot_be_asked_stops_nothing(
    pump: Pump, ends: Scripted, checkpoints: MemoryCheckpoints, clock: ManualClock
) -> None:
    """Another site at its address, or nonsense for an answer: no change was refused, so it goes on soon."""
    pump.failed(Conflict("another site answers"))
    state = checkpoints.read(OUT)
    assert state is not None
    assert state.error == "conflict: another site answers"
    assert not state.stopped
    clock.sleep(1)
    assert pump.run().outcome is PassOutcome.MOVED
    assert ends.applied == [1]


def test_a_feed_ends_when_all_that_is_young_was_given_out(tmp_path: Path, clock: ManualClock) -> None:
    """In as many pages as it takes: a key that has moved on is nowhere else, so the end must not be told before."""
    here = memory_site("here", tmp_path, clock)
    here.replica.apply(NAMESPACE, Feed.KEYS, [])
    namespace = here.adapters.catalog.get("t", "default")
    assert namespace is not None
    for number in range(30):
        here.database.key_values.put(namespace, NewItem(f"k{number:02}", b"old"))
    clock.sleep(10)
    for number in range(30):
        here.database.key_values.put(namespace, NewItem(f"k{number:02}", b"new"))
        clock.sleep(0.01)
    cursor, given, pages = None, [], 0
    while True:
        page = here.replica.changes(NAMESPACE, Feed.KEYS, cursor, limit=4)
        given += [(item.key, item.value) for item in page.changes if isinstance(item, Item)]
        cursor, pages = page.cursor, pages + 1
        if not page.more:
            break
        assert pages < 100
    assert sorted(given) == [(f"k{number:02}", b"new") for number in range(30)]
    assert pages == 8
    clock.sleep(10)
    again = here.replica.changes(NAMESPACE, Feed.KEYS, cursor, limit=500)
    assert len(again.changes) == 30, "what was young comes once more"


class NeverDue:
    """A repair that is never begun."""

    state = RepairState()

    def begin(self) -> RepairState:
        raise AssertionError("nothing is due")

    step = begin

    def note(self, error: QuartzError) -> None:
        raise AssertionError("nothing failed") from error


class OneStream:
    """Streams: one, of a peer that is there."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def refresh(self) -> list[Stream]:
        return [self.stream]

    def tenants(self) -> list[str]:
        return [NAMESPACE.tenant]

    def unreachable(self, error: QuartzError) -> None:
        raise AssertionError("the peer is there") from error


@pytest.mark.parametrize("error", [ZeroDivisionError("a mistake"), KeyError("another")])
def test_a_stream_that_breaks_is_told_with_its_tenant(
    ends: Scripted, pump: Pump, clock: ManualClock, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """It is counted, and the line says whose it is and of which namespace."""
    ends.read_error = error
    stream = Stream([pump], NeverDue(), clock, lambda: 1.0, repair_every_ms=None)
    replicator = Replicator(OneStream(stream), clock, lambda: 1.0)
    assert replicator.run_once(clock.monotonic() + 10).broken == 1
    (record,) = caplog.records
    assert f"{NAMESPACE.tenant}/{NAMESPACE.namespace} {Feed.KEYS}" in record.getMessage()
    assert record.exc_info is not None
