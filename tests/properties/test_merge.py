"""Merging is a join: order, grouping and repetition do not matter."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.change import Change, Delete, Patch, Upsert
from quartzdb.domain.hlc import Version
from quartzdb.domain.merge import UNKNOWN, RecordState, apply, join, state_of
from quartzdb.storage.index.segments.outline import outline_of
from tests.properties.strategies import changes

one_record = st.lists(changes(("a",)), max_size=12)


def same(left: RecordState, right: RecordState) -> bool:
    """Whether two states are the same in every part."""
    vectors_agree = (left.vector is None) == (right.vector is None) and (
        left.vector is None or right.vector is None or left.vector.tobytes() == right.vector.tobytes()
    )
    return (
        vectors_agree
        and left.base == right.base
        and dict(left.metadata) == dict(right.metadata)
        and dict(left.patches) == dict(right.patches)
    )


def everything(given_changes: list[Change]) -> RecordState:
    """The state after all of them."""
    return reduce(apply, given_changes, UNKNOWN)


@given(one_record, st.randoms(use_true_random=False))
def test_any_order_gives_one_state(given_changes: list[Change], shuffler: object) -> None:
    """Applying is commutative."""
    shuffled = list(given_changes)
    shuffler.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis types its Random loosely
    assert same(everything(given_changes), everything(shuffled))


@given(one_record, one_record, one_record)
def test_any_grouping_gives_one_state(first: list[Change], second: list[Change], third: list[Change]) -> None:
    """Joining is associative and commutative."""
    a, b, c = everything(first), everything(second), everything(third)
    assert same(join(join(a, b), c), join(a, join(b, c)))
    assert same(join(a, b), join(b, a))


@given(one_record)
def test_repetition_changes_nothing(given_changes: list[Change]) -> None:
    """Applying is idempotent, and says so by returning the very same state."""
    state = everything(given_changes)
    for change in given_changes:
        assert apply(state, change) is state
    assert join(state, state) is state


@given(one_record)
def test_the_state_is_what_the_rules_say(given_changes: list[Change]) -> None:
    """The latest upsert or delete decides; later patches show over it, each field by its own latest."""
    state = everything(given_changes)
    bases = [change for change in given_changes if not isinstance(change, Patch)]
    latest = max(bases, key=lambda change: change.version, default=None)
    assert state.live == isinstance(latest, Upsert)
    expected = dict(latest.metadata) if isinstance(latest, Upsert) else {}
    since = latest.version if latest else None
    patches = [c for c in given_changes if isinstance(c, Patch) and (since is None or c.version > since)]
    for patch in sorted(patches, key=lambda change: change.version):
        expected |= patch.set
        for name in patch.unset:
            expected.pop(name, None)
    assert state.visible_metadata() == expected


def test_unknown_is_the_identity() -> None:
    """Joining with nothing known changes nothing."""
    state = state_of(Delete("a", Version(5, "here.1")))
    assert same(join(UNKNOWN, state), state)
    assert join(state, UNKNOWN) is state


@given(one_record, one_record, one_record)
def test_what_was_dropped_because_it_expired_joins_like_the_rest(
    first: list[Change], second: list[Change], third: list[Change]
) -> None:
    """In any order and grouping; and whoever still has the record brings it back to whoever dropped it."""
    a, b, c = everything(first), everything(second).without_record(), everything(third)
    assert same(join(join(a, b), c), join(a, join(b, c)))
    assert same(join(a, b), join(b, a))
    assert same(join(a.without_record(), a), a)
    assert same(join(a, a.without_record()), a)
    outlines = [outline_of(one) for one in (a, b)]
    assert outlines[0].joined(outlines[1]) == outline_of(join(a, b))
