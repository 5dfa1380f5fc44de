"""What a query that asks for a recall, or for a floor of it, is searched by and promised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.recall import check_recall, effort_for, promised_recall, usual_recall

SHARES = st.floats(0.5, 1)
COUNTS = st.integers(1, 1000)


@given(share=SHARES, count=COUNTS)
def test_a_floor_is_kept_and_never_searched_with_less_than_usual(share: float, count: int) -> None:
    """Below the usual it changes nothing; above, it is what is searched by. An answer that is exact promises all."""
    effort = effort_for(None, share, count)
    assert effort is None if share <= usual_recall(count) else effort == share
    assert promised_recall(effort, count, exact=False) == max(share, usual_recall(count))
    assert promised_recall(effort, count, exact=True) == 1.0


@given(share=SHARES, count=COUNTS)
def test_an_aim_may_be_below_the_usual(share: float, count: int) -> None:
    """And is then all that is promised."""
    assert promised_recall(effort_for(share, None, count), count, exact=False) == share


@given(few=COUNTS, many=COUNTS)
def test_no_more_is_promised_of_more(few: int, many: int) -> None:
    """The usual falls with the count."""
    few, many = sorted((few, many))
    assert usual_recall(few) >= usual_recall(many) >= 0.95


@pytest.mark.parametrize(
    ("recall", "floor", "field"),
    [
        (0.4, None, "recall"),
        (None, float("nan"), "min_recall"),
        (None, 1.1, "min_recall"),
        (0.9, 0.9, "min_recall"),
    ],
)
def test_what_is_no_share_or_said_twice_is_refused(
    recall: float | None, floor: float | None, field: str
) -> None:
    """With the field at fault."""
    with pytest.raises(InvalidArgument) as refusal:
        check_recall(recall, floor)
    assert refusal.value.field == field
