"""Field keys order and equal exactly as the values do, so that an index over keys can stand for the values."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.fieldkey import (
    ORDERED_CHARACTERS_MAX,
    after,
    decode,
    encode,
    numbers_of,
    prefix_range,
    type_range,
)

NEIGHBOURS = [
    number + offset
    for number in (0, 2**31, 2**53, 2**63, 2**64 - 3, -(2**53), -(2**63) + 3)
    for offset in range(-3, 4)
    if -(2**63) <= number + offset < 2**64
]
INTEGERS = st.sampled_from(NEIGHBOURS) | st.integers(-(2**63), 2**64 - 1)
FLOATS = st.sampled_from(
    [float(number) for number in NEIGHBOURS] + [-0.0, 5e-324, 1.7e308, -1.7e308]
) | st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = INTEGERS | FLOATS
CHARACTERS = st.sampled_from(
    ["\x00", "a", "b", "\x7f", "\x80", "é", "\ud7ff", "\ue000", "\uffff", "\U00010000", "𝒳"]
)
SHORT = st.text(CHARACTERS | st.characters(codec="utf-8"), max_size=8)
LONG = st.builds(
    lambda character, length, tail: character * length + tail,
    CHARACTERS,
    st.integers(ORDERED_CHARACTERS_MAX - 2, ORDERED_CHARACTERS_MAX + 2),
    SHORT,
)
STRINGS = SHORT | LONG
SCALARS = st.none() | st.booleans() | NUMBERS | STRINGS


def kind(value: object) -> str:
    """The JSON type, where Python would hold booleans to be numbers."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


@given(NUMBERS, NUMBERS)
def test_numbers_order_as_python_orders_them(left: float, right: float) -> None:
    """Integers and floats compare exactly with one another, over all 64-bit integers and all floats."""
    assert (encode(left) < encode(right)) == (left < right)
    assert (encode(left) == encode(right)) == (left == right)


@given(SHORT, SHORT)
def test_short_strings_order_by_code_point(left: str, right: str) -> None:
    """Also beyond the basic plane, where UTF-16 would order otherwise, and with NUL inside."""
    assert (encode(left) < encode(right)) == (left < right)


@given(STRINGS, STRINGS)
def test_any_string_orders_exactly_against_an_operand(value: str, operand: str) -> None:
    """However long the stored string, it compares exactly with whatever a filter may be ordered by."""
    operand = operand[:ORDERED_CHARACTERS_MAX]
    assert (encode(value) < encode(operand)) == (value < operand)
    assert (encode(value) >= after(encode(operand))) == (value > operand)


@given(SCALARS, SCALARS)
def test_keys_are_equal_exactly_where_values_are(left: object, right: object) -> None:
    """1 equals 1.0 and 0.0 equals -0.0, but true does not equal 1; long strings too differ by any character."""
    equal = kind(left) == kind(right) and left == right
    assert (encode(left) == encode(right)) == equal  # type: ignore[arg-type]


@given(SCALARS, NUMBERS | SHORT)
def test_type_ranges_hold_one_type(value: object, operand: float | str) -> None:
    """The range of a type has every value of it and none of another."""
    low, high = type_range(operand)
    assert (low <= encode(value) < high) == (kind(value) == kind(operand))  # type: ignore[arg-type]


@given(SCALARS, SHORT, st.integers(0, 4))
def test_prefix_ranges_hold_what_begins_so(value: object, text: str, length: int) -> None:
    """The range of a prefix has exactly the strings that begin with it, the empty prefix all strings."""
    prefix = value[:length] if isinstance(value, str) else text
    for candidate in (value, text, prefix + text):
        low, high = prefix_range(prefix)
        begins = isinstance(candidate, str) and candidate.startswith(prefix)
        assert (low <= encode(candidate) < high) == begins  # type: ignore[arg-type]


@given(LONG)
def test_keys_are_of_bounded_size(text: str) -> None:
    """A field of long texts costs the index no more than this for each."""
    assert len(encode(text * 100)) <= 1 + 4 * ORDERED_CHARACTERS_MAX + 17


@given(SCALARS)
def test_a_key_tells_its_value(value: str | float | None) -> None:
    """Of what shares a key any; of a long text its beginning."""
    decoded = decode(encode(value))
    if isinstance(value, str):
        assert decoded == value[:ORDERED_CHARACTERS_MAX]
    else:
        assert decoded == value
        assert kind(decoded) == kind(value)


@given(st.lists(SCALARS, max_size=20))
def test_the_numbers_among_keys_are_told_together(values: list[str | float | None]) -> None:
    keys = sorted({encode(value) for value in values})
    expected = [
        float(value)
        if isinstance(value := decode(key), int | float) and not isinstance(value, bool)
        else np.nan
        for key in keys
    ]
    np.testing.assert_array_equal(numbers_of(keys), np.array(expected, dtype=np.float64))
