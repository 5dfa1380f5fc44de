"""The hybrid clock: versions rise for ever, whatever the wall clock does, and foreign stamps are bounded."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.errors import ClockSkew, InvalidVersion
from quartzdb.domain.hlc import HybridClock, Version, stamp_at
from tests.properties.strategies import versions

times = st.lists(st.integers(0, 10_000), min_size=1, max_size=30)


def clock_over(wall: list[int], writer: str = "here.1") -> HybridClock:
    """A clock whose wall time takes these values, then stays at the last."""
    remaining = list(wall)
    return HybridClock(
        lambda: remaining.pop(0) if len(remaining) > 1 else remaining[0], writer, ahead_ms_max=500
    )


@given(times)
def test_versions_rise_whatever_the_wall_clock_does(wall: list[int]) -> None:
    """Also when it stands still or runs backwards."""
    clock = clock_over(wall)
    issued = [clock.now() for _ in range(len(wall) + 5)]
    assert all(earlier < later for earlier, later in pairwise(issued))


@given(times, versions)
def test_what_was_observed_is_before_what_comes_next(wall: list[int], seen: Version) -> None:
    """A token that a client sends back orders its next write."""
    clock = clock_over(wall)
    clock.observe(seen)
    assert clock.now().stamp > seen.stamp


def test_a_stamp_from_too_far_ahead_is_refused_and_not_adopted() -> None:
    """One bad clock must not drag every later version along."""
    clock = clock_over([1_000])
    with pytest.raises(ClockSkew):
        clock.observe(Version(stamp_at(1_501), "there.1"))
    clock.observe(Version(stamp_at(1_500), "there.1"))
    assert clock.now().milliseconds == 1_500


def test_no_row_of_stamps_leads_the_clock_away() -> None:
    """Each a little ahead of the one before: a client that sends such tokens must not get versions from the future."""
    clock = clock_over([1_000])
    clock.observe(Version(stamp_at(1_500), "there.1"))
    with pytest.raises(ClockSkew):
        clock.observe(Version(stamp_at(1_501), "there.1"))
    assert clock.now().milliseconds == 1_500


def test_what_was_issued_here_is_taken_back_however_far_ahead() -> None:
    """A clock that was set back leaves honest tokens ahead of it."""
    clock = clock_over([1_000])
    clock.resume_after(stamp_at(99_000))
    issued = clock.now()
    clock.observe(issued)
    assert clock.now() > issued


def test_a_committed_stamp_is_followed_however_far_ahead() -> None:
    """What is in the log is a fact: a later write must win over it."""
    clock = clock_over([1_000])
    clock.resume_after(stamp_at(99_000))
    assert clock.now().stamp > stamp_at(99_000)


@given(versions)
def test_versions_read_back_from_their_text(version: Version) -> None:
    """The text form is a round trip."""
    assert Version.parse(str(version)) == version


@given(versions, versions)
def test_text_order_of_stamps_is_version_order(left: Version, right: Version) -> None:
    """The fixed width makes the text sort as the stamps do, which sort keys rely on."""
    if left.stamp != right.stamp:
        assert (str(left) < str(right)) == (left < right)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "0",
        "0.x",
        "00000000000000zz.w",
        "8000000000000000.w",
        "0" * 16 + ".",
        "0" * 16 + ".a b",
        "0" * 15 + "A.w",
    ],
)
def test_anything_else_is_no_version(text: str) -> None:
    """A mistyped token is refused with what to do."""
    with pytest.raises(InvalidVersion) as caught:
        Version.parse(text)
    assert caught.value.hint
