"""Vectors from JSON: only numbers are let in, at any place, and only lengths that float32 can multiply."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.errors import InvalidVector
from quartzdb.domain.vector import LENGTH_MAX, LENGTH_MIN, check_direction, parse_vector

_numbers = st.floats(-1e3, 1e3) | st.integers(-1_000, 1_000) | st.sampled_from([0, 1, 0.0, 1.0, -0.0, 1e-50])


@given(numbers=st.lists(_numbers, min_size=1, max_size=40))
def test_numbers_are_taken_as_they_are(numbers: list[float]) -> None:
    """Zeros and ones, too, which true and false would become."""
    assert np.array_equal(parse_vector(numbers), np.array(numbers, np.float64).astype(np.float32))


@given(
    before=st.lists(_numbers, max_size=20),
    other=st.sampled_from([True, False, None, "1", "x", [1.0], [], {}]),
    after=st.lists(_numbers | st.just(10**400), max_size=20),
)
def test_what_is_no_number_is_refused_wherever_it_is(
    before: list[float], other: object, after: list[float]
) -> None:
    """The first of them is named, and before a number that is too large."""
    with pytest.raises(InvalidVector) as refused:
        parse_vector([*before, other, *after])
    assert refused.value.field == f"vector[{len(before)}]"


@pytest.mark.parametrize("numbers", [[10**400], [0.5, -(10**400)], [1, 10**400, 0]])
def test_a_number_beyond_every_float_is_too_large(numbers: list[float]) -> None:
    """Of whatever sign, and beside zeros and ones."""
    with pytest.raises(InvalidVector, match="too large"):
        parse_vector(numbers)


@pytest.mark.parametrize("dimension", [1, 4_096])
@pytest.mark.parametrize("share", [0.3, 0.32, 0.999, 1.001, 3.2, 1e4])
def test_a_length_is_refused_exactly_where_the_limit_is(share: float, dimension: int) -> None:
    """Also near to where it is summed more exactly, and where its square is beyond float32."""
    longest = np.full(dimension, share * LENGTH_MAX / math.sqrt(dimension))
    shortest = np.full(dimension, share * LENGTH_MIN / math.sqrt(dimension))
    if share > 1:
        with pytest.raises(InvalidVector, match="length is over"):
            parse_vector(longest.tolist())
        check_direction(parse_vector(shortest.tolist()))
    else:
        assert parse_vector(longest.tolist()).size == dimension
        with pytest.raises(InvalidVector, match="no direction"):
            check_direction(parse_vector(shortest.tolist()))
