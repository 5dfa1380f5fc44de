"""The contract of OriginStates, and what a routing state may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from quartzdb.routing.decision.state import (
    InvalidState,
    Mode,
    Origin,
    RoutingState,
    decode_state,
    encode_state,
)
from quartzdb.routing.ports import OriginStates
from tests.contracts.adapters import in_threads

FIRST = RoutingState(1, 1, Origin.CLOUDFLARE, Mode.DIRECT, 1_000, "first")
SWITCHED = RoutingState(2, 2, Origin.AWS, Mode.FAILED_OVER, 2_000, "three probes failed")


def test_there_is_none_at_first(origin_states: OriginStates) -> None:
    """A router then keeps to what it was built with."""
    assert origin_states.read() is None


def test_what_was_stored_is_read_by_everybody(open_origin_states: Callable[[], OriginStates]) -> None:
    """At once, and to the letter."""
    assert open_origin_states().replace(FIRST)
    assert open_origin_states().read() == FIRST
    assert open_origin_states().replace(SWITCHED)
    assert open_origin_states().read() == SWITCHED


@pytest.mark.parametrize(
    "wrong",
    [
        FIRST,
        replace(SWITCHED, revision=3),
        replace(SWITCHED, epoch=1),
        replace(SWITCHED, active=Origin.CLOUDFLARE, mode=Mode.DIRECT),
        replace(SWITCHED, revision=3, epoch=3),
    ],
    ids=["first again", "one left out", "switch in one epoch", "epoch without switch", "two epochs at once"],
)
def test_only_what_follows_is_stored(origin_states: OriginStates, wrong: RoutingState) -> None:
    """Whoever decided from something else has to read again."""
    assert origin_states.replace(FIRST)
    assert not origin_states.replace(wrong)
    assert origin_states.read() == FIRST


def test_a_first_state_needs_the_first_revision(origin_states: OriginStates) -> None:
    """Something was there, and is lost: nobody may go on from it."""
    assert not origin_states.replace(SWITCHED)
    assert origin_states.read() is None


def test_a_change_of_mode_keeps_the_epoch(origin_states: OriginStates) -> None:
    """The active origin stays what it is."""
    suspect = replace(FIRST, revision=2, mode=Mode.GUARDED)
    assert origin_states.replace(FIRST)
    assert origin_states.replace(suspect)
    assert origin_states.read() == suspect


def test_one_of_many_owners_wins(open_origin_states: Callable[[], OriginStates]) -> None:
    """However many decide at once."""
    assert open_origin_states().replace(FIRST)
    won: list[int] = []

    def switch(number: int) -> None:
        if open_origin_states().replace(replace(SWITCHED, reason=f"owner {number}")):
            won.append(number)

    in_threads(8, switch)
    stored = open_origin_states().read()
    assert stored is not None
    assert [f"owner {number}" for number in won] == [stored.reason]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        encode_state(FIRST).replace(b'"format": 1', b'"format": 2'),
        encode_state(FIRST).replace(b"cloudflare", b"azure"),
        encode_state(FIRST).replace(b'"epoch": 1', b'"epoch": 2'),
        encode_state(FIRST).replace(b'"epoch": 1', b'"epoch": true'),
        encode_state(FIRST).replace(b'"since_ms": 1000', b'"since_ms": -1'),
        encode_state(FIRST).replace(b'"since_ms": 1000', b'"since_ms": 1000, "more": 1'),
    ],
)
def test_what_is_no_state_is_refused(data: bytes) -> None:
    """A reader keeps the last good one, so it must be told."""
    with pytest.raises(InvalidState):
        decode_state(data)


def test_a_state_survives_its_encoding() -> None:
    """Every field."""
    assert decode_state(encode_state(SWITCHED)) == SWITCHED


def test_what_an_operator_asked_for_is_kept(origin_states: OriginStates) -> None:
    """Drained origins, pinning and ramps survive being stored."""
    asked = replace(FIRST, ramp_percent=10, pinned=True, drained=frozenset({Origin.AWS}))
    assert origin_states.replace(asked)
    assert origin_states.read() == asked


def test_the_probe_remembers_nothing_at_first(origin_states: OriginStates) -> None:
    """It begins with nothing known of either origin."""
    assert origin_states.read_memory() is None


def test_what_the_probe_remembers_is_there_for_the_next(
    open_origin_states: Callable[[], OriginStates],
) -> None:
    """Byte for byte; the latest is all that counts, and the state is none of its business."""
    assert open_origin_states().replace(FIRST)
    for memory in (b"", b"first", bytes(range(256)) * 200):
        open_origin_states().write_memory(memory)
        assert open_origin_states().read_memory() == memory
    assert open_origin_states().read() == FIRST


def test_a_history_is_kept_by_name(open_origin_states: Callable[[], OriginStates]) -> None:
    """Apart from the state and the memory, and forgotten by name."""
    states = open_origin_states()
    assert states.replace(FIRST)
    states.write_memory(b"memory")
    assert (states.read_history("2026-11-30"), dict(states.histories())) == (None, {})
    for name, data in (
        ("2026-11-30", b"one"),
        ("switches", b"two"),
        ("2026-11-29", b"three"),
        ("2026-11-30", b"four"),
    ):
        states.write_history(name, data)
    assert open_origin_states().read_history("2026-11-30") == b"four"
    assert open_origin_states().histories() == {
        "2026-11-29": b"three",
        "2026-11-30": b"four",
        "switches": b"two",
    }
    states.delete_history("2026-11-29")
    states.delete_history("2026-11-29")
    assert set(open_origin_states().histories()) == {"2026-11-30", "switches"}
    assert (states.read(), states.read_memory()) == (FIRST, b"memory")
