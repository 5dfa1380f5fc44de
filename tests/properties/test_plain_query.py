"""A question that is plainly right is read as pydantic reads it, and whatever else is left to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quartzdb.api.schemas.plain_query import plain_query
from quartzdb.api.schemas.validation import validate
from quartzdb.api.schemas.vectors import Query
from quartzdb.domain.errors import InvalidArgument

_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
_any = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
_usual = st.fixed_dictionaries(
    {},
    optional={
        "vector": st.lists(st.floats(width=32), max_size=4) | st.text() | _any,
        "id": st.text() | _any,
        "top_k": st.integers() | _any,
        "recall": st.floats(0, 1) | _any,
        "min_recall": st.floats(0, 1) | _any,
        "min_score": st.floats(allow_nan=False) | _any,
        "filter": st.dictionaries(st.text(), _any, max_size=3) | _any,
        "include_vectors": st.booleans() | st.just("base64") | _any,
        "include_metadata": st.booleans() | _any,
        "consistency": st.sampled_from(["strong", "eventual", "weak"]) | _any,
        "explain": st.booleans(),
        "unknown": _any,
    },
)


@given(_usual | _any)
def test_what_is_plainly_right_is_what_validation_makes_of_it(document: object) -> None:
    """Equal, with the same fields set; and nothing is plainly right that validation refuses."""
    plain = plain_query(document)
    try:
        checked = validate(Query, document)
    except InvalidArgument:
        assert plain is None
        return
    if plain is not None:
        assert plain.model_fields_set == checked.model_fields_set
        assert repr(plain) == repr(checked)


def test_the_usual_question_is_plainly_right() -> None:
    """Or nothing would be gained."""
    usual = {"vector": [0.1, 1], "top_k": 10, "filter": {"a": 1}, "recall": 0.95, "consistency": "eventual"}
    assert plain_query(usual) == validate(Query, usual)
