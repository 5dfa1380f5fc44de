"""The contract of Checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quartzdb.replication.ports import Checkpoint, Checkpoints, Direction, Feed, RepairState, SharedPart

OUT = Direction("aws", "cloudflare", "default", "books", Feed.RECORDS)
BACK = Direction("cloudflare", "aws", "default", "books", Feed.RECORDS)
KEYS = Direction("aws", "cloudflare", "default", "books", Feed.KEYS)
WHOLE = Checkpoint(
    "c\u00fcrsor-_", 1_790_000_000_000, 7 << 50, 1_790_000_000_001, "conflict: no", 5, True, 500, 3
)


def test_what_never_ran_has_no_checkpoint(checkpoints: Checkpoints) -> None:
    """Nor a repair, and nobody knows what is shared."""
    assert checkpoints.read(OUT) is None
    assert checkpoints.read_repair(OUT) is None
    assert checkpoints.all_checkpoints() == {}
    assert checkpoints.repairs() == {}
    assert checkpoints.listed_ms("cloudflare") == 0


def test_a_checkpoint_is_there_for_the_next_process(open_checkpoints: Callable[[], Checkpoints]) -> None:
    """Every field of it, exactly."""
    open_checkpoints().write(OUT, WHOLE)
    open_checkpoints().write(BACK, Checkpoint())
    assert open_checkpoints().read(OUT) == WHOLE
    assert open_checkpoints().all_checkpoints() == {OUT: WHOLE, BACK: Checkpoint()}


def test_a_checkpoint_is_replaced_whole(checkpoints: Checkpoints) -> None:
    """Also by an older one; other directions keep theirs."""
    checkpoints.write(OUT, WHOLE)
    checkpoints.write(KEYS, WHOLE)
    checkpoints.write(OUT, Checkpoint(cursor="older"))
    assert checkpoints.all_checkpoints() == {OUT: Checkpoint(cursor="older"), KEYS: WHOLE}


def test_a_repair_is_apart_from_the_checkpoint_of_its_direction(
    open_checkpoints: Callable[[], Checkpoints],
) -> None:
    """Writing one leaves the other."""
    state = RepairState(9, 2, 255, "id", 4, 1, 8, "unavailable: no")
    open_checkpoints().write(OUT, WHOLE)
    open_checkpoints().write_repair(OUT, state)
    open_checkpoints().write_repair(KEYS, RepairState())
    assert open_checkpoints().read_repair(OUT) == state
    assert open_checkpoints().repairs() == {OUT: state, KEYS: RepairState()}
    open_checkpoints().write_repair(OUT, replace(state, after=None))
    assert open_checkpoints().read_repair(OUT) == replace(state, after=None)
    assert open_checkpoints().all_checkpoints() == {OUT: WHOLE}


def test_what_is_not_shared_any_more_is_forgotten(checkpoints: Checkpoints) -> None:
    """Its checkpoint and its repair, and nobody else's; forgetting twice is no error."""
    for direction in (OUT, KEYS):
        checkpoints.write(direction, WHOLE)
        checkpoints.write_repair(direction, RepairState(round=1))
    checkpoints.forget(OUT)
    checkpoints.forget(OUT)
    assert checkpoints.all_checkpoints() == {KEYS: WHOLE}
    assert checkpoints.repairs() == {KEYS: RepairState(round=1)}


def test_when_the_list_of_a_peer_was_complete(open_checkpoints: Callable[[], Checkpoints]) -> None:
    """Each peer has a time of its own."""
    open_checkpoints().mark_listed("cloudflare", 1_790_000_000_000)
    open_checkpoints().mark_listed("cloudflare", 1_790_000_000_005)
    assert open_checkpoints().listed_ms("cloudflare") == 1_790_000_000_005
    assert open_checkpoints().listed_ms("elsewhere") == 0
    assert open_checkpoints().all_checkpoints() == {}


def test_what_is_shared_with_a_peer(open_checkpoints: Callable[[], Checkpoints]) -> None:
    """The latest that was noted of each, for the next process."""
    assert open_checkpoints().peers() == {}
    open_checkpoints().note_peer("cloudflare", SharedPart(True))
    open_checkpoints().note_peer("cloudflare", SharedPart(False, ("acme", "t")))
    open_checkpoints().note_peer("west", SharedPart(True, ()))
    assert open_checkpoints().peers() == {
        "cloudflare": SharedPart(False, ("acme", "t")),
        "west": SharedPart(True, ()),
    }
    assert open_checkpoints().all_checkpoints() == {}
    assert open_checkpoints().listed_ms("cloudflare") == 0
