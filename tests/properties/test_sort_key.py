"""Sort keys of DynamoDB: short enough, one for each text, and in the order of code points as far as they promise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quartzdb.adapters.aws.dynamodb_sort_key import SORT_KEY_BYTES_MAX, range_of, shares_its_head, sort_key

WIDTHS = "a\x7f\x80\u07ff\u0800\uffff\U00010000\U0001f600\U0010ffff"
"""Characters of one to four bytes, first and last of each."""
TEXTS = st.builds(
    lambda fill, count, end: (fill * count + end)[:512],
    st.sampled_from(WIDTHS),
    st.integers(0, 512),
    st.text(st.sampled_from(WIDTHS), min_size=1, max_size=12),
)
NEAR_THE_BORDER = st.builds(
    lambda fill, short_of, end: (fill * ((960 - short_of) // len(fill.encode())) + end)[:512],
    st.sampled_from("\U00010000\U0010ffff\uffff"),
    st.integers(0, 12),
    st.text(st.sampled_from(WIDTHS), min_size=1, max_size=8),
)
ANY = st.one_of(TEXTS, NEAR_THE_BORDER)


@given(ANY)
def test_a_sort_key_fits(text: str) -> None:
    """Into DynamoDB's 1,024 bytes; short text is its own."""
    assert 0 < len(sort_key(text).encode()) <= SORT_KEY_BYTES_MAX
    if len(text.encode()) <= 960:
        assert sort_key(text) == text


@given(ANY, ANY)
def test_sort_keys_order_texts_that_do_not_share_a_long_head(one: str, two: str) -> None:
    """Compared as DynamoDB does, byte by byte; those that do share one are told by `shares_its_head`."""
    heads = shares_its_head(one), shares_its_head(two)
    if heads[0] is not None and heads[0] == heads[1]:
        assert (sort_key(one) == sort_key(two)) == (one == two)
        assert sort_key(one).startswith(heads[0])
    else:
        assert (sort_key(one).encode() < sort_key(two).encode()) == (one < two)


@given(ANY, ANY, ANY)
def test_nothing_but_its_group_lies_within_a_group(head: str, one: str, two: str) -> None:
    """Between two texts with one head there is none with another: whoever sorts neighbours sorts all of them."""
    group = shares_its_head(head)
    if group is not None:
        for text in (one, two):
            assert sort_key(text).startswith(group) == (shares_its_head(text) == group)


@given(prefix=st.one_of(st.just(""), ANY), after=st.one_of(st.none(), ANY), text=ANY, cut=st.integers(0, 512))
def test_a_range_misses_no_text(prefix: str, after: str | None, text: str, cut: int) -> None:
    """Whatever has the prefix and comes after the place lies in the range, also where the prefix is a part of it."""
    for begins in (prefix, text[:cut]):
        between = range_of(begins, after)
        if text.startswith(begins) and text > (after or ""):
            assert between is not None
            low, high = between
            assert low.encode() <= sort_key(text).encode() <= high.encode()
        if between is not None:
            assert all(0 < len(end.encode()) <= SORT_KEY_BYTES_MAX for end in between)


def test_half_a_surrogate_pair_is_no_text_but_may_be_a_place() -> None:
    """No key has one, so none begins with it; after it comes U+E000."""
    assert range_of("a\ud800", None) is None
    low, high = range_of("", "a\udbff!") or ("", "")
    assert low == "a\ue000"
    assert high.encode() > "\U0010ffff".encode() * 200
