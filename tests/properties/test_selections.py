"""What is remembered of a filter is what evaluating it anew would give, whatever happens to rows meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.filter import matches, parse
from quartzdb.storage.index.fields import selections as module
from quartzdb.storage.index.fields.filter_digest import digest
from quartzdb.storage.index.fields.filtering import evaluate
from quartzdb.storage.index.fields.memory_fields import MemoryFields
from quartzdb.storage.index.fields.selections import Selection, Selections
from tests.properties.test_filter_semantics import DOCUMENTS, FILTERS


def fields_of(documents: list[Mapping[str, Any] | None]) -> MemoryFields:
    fields = MemoryFields()
    for document in documents:
        fields.append(document)
    return fields


def rows_of(selection: Selection) -> list[int]:
    if selection.rows is not None:
        return list(selection.rows.tolist())
    assert selection.mask is not None
    return list(np.flatnonzero(selection.mask).tolist())


@given(st.data(), DOCUMENTS, st.lists(FILTERS, min_size=1, max_size=4), st.sampled_from([0, 1]))
def test_what_is_remembered_is_what_is_true(
    data: st.DataObject, documents: list[Any], filters: list[Any], listed: int
) -> None:
    """Rows die, views of different moments alternate, memory is short: each answer is that of an evaluation."""
    fields = fields_of(documents)
    count = len(documents)
    moments = [np.ones(count, dtype=np.bool_)]
    selections = Selections(fields, bytes_max=data.draw(st.sampled_from([0, 400, 10_000])))
    conditions = [parse(one) for one in filters]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LISTED_MAX", 20 * listed)
        for _ in range(data.draw(st.integers(1, 12))):
            if count and data.draw(st.booleans()):
                fewer = moments[-1].copy()
                fewer[data.draw(st.integers(0, count - 1))] = False
                moments.append(fewer)
            alive = data.draw(st.sampled_from(moments))
            condition = data.draw(st.sampled_from(conditions))
            found = selections.of(condition, alive, int(np.count_nonzero(alive)))
            wanted = np.flatnonzero(evaluate(condition, fields) & alive).tolist()
            assert rows_of(found) == wanted
            assert found.matches == len(wanted)
            held = found.mask if found.rows is None else found.rows
            assert held is not None
            assert not held.flags.writeable
            assert selections.resident_bytes <= 10_000


@given(DOCUMENTS, FILTERS, FILTERS)
def test_filters_of_one_digest_select_the_same(documents: list[Any], one: Any, other: Any) -> None:
    """A digest stands for what a filter selects."""
    first, second = parse(one), parse(other)
    assert digest(first) == digest(parse(one))
    if digest(first) == digest(second):
        for document in documents:
            assert matches(first, document or {}) == matches(second, document or {})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 0}, {"a": False}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": {"$in": [1, 2]}}, {"a": {"$in": [2, 1, 1]}}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": {"$lt": 1}}, {"a": {"$lte": 1}}, False),
        ({"a": {"$prefix": "b"}}, {"a": "b"}, False),
        ({"$and": [{"a": 1}, {"b": 2}]}, {"$or": [{"a": 1}, {"b": 2}]}, False),
        ({"a": {"$exists": True}}, {"a": {"$exists": False}}, False),
        ({"ab": {"$prefix": "c"}}, {"a": {"$prefix": "bc"}}, False),
    ],
)
def test_what_a_digest_tells_apart(one: Any, other: Any, *, same: bool) -> None:
    """Types and operators count; the order in which conditions are written does not."""
    assert (digest(parse(one)) == digest(parse(other))) is same
