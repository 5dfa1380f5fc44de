"""Ranged reads are joined where that saves requests, and never lose a byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quartzdb.adapters.aws.s3_ranges import GAP_BYTES_MAX, REQUEST_BYTES_MAX, coalesce

RANGES = st.lists(
    st.tuples(st.integers(0, 40_000_000), st.one_of(st.integers(0, 5_000), st.integers(0, 20_000_000))),
    max_size=30,
)


@given(RANGES)
def test_every_range_is_covered_by_one_request(ranges: list[tuple[int, int]]) -> None:
    """And what is read in vain is no more than a gap for each range."""
    requests = coalesce(ranges)
    for start, length in ranges:
        if length:
            assert any(first <= start and start + length <= first + size for first, size in requests)
    wanted = sum(length for _, length in ranges)
    assert sum(size for _, size in requests) <= wanted + GAP_BYTES_MAX * len(ranges)
    assert requests == sorted(requests)


def test_neighbours_are_joined_and_strangers_are_not() -> None:
    """A request costs as much as reading some hundred KB in vain would; a very long one is better cut."""
    assert coalesce([(0, 10), (10, 10), (5, 3), (1_000, 10)]) == [(0, 1_010)]
    assert coalesce([(0, 10), (10 + GAP_BYTES_MAX + 1, 10)]) == [(0, 10), (10 + GAP_BYTES_MAX + 1, 10)]
    long = REQUEST_BYTES_MAX - 5
    assert coalesce([(0, long), (long, 10)]) == [(0, long), (long, 10)]
    assert coalesce([(7, 0)]) == []
