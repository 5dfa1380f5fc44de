"""A malformed filter is answered with what is wrong, where, and what to send instead."""

from __future__ import annotations

from typing import Any

import pytest

from quartzdb.domain.errors import InvalidFilter
from quartzdb.domain.filter import CLAUSES_MAX, DEPTH_MAX, FIELD_OPERATORS, OPERANDS_MAX, parse


def nested(levels: int, name: str = "$not") -> dict[str, Any]:
    """$not around $not, or $and around $and, so many levels deep."""
    document: dict[str, Any] = {"a": 1}
    for _ in range(levels):
        document = {name: document if name == "$not" else [document]}
    return document


def field_nested(levels: int) -> dict[str, Any]:
    """$not inside $not beside one field."""
    operators: dict[str, Any] = {"$gt": 1}
    for _ in range(levels):
        operators = {"$not": operators}
    return {"a": operators}


@pytest.mark.parametrize(
    ("document", "field", "says", "hints"),
    [
        # the document
        (None, "filter", "not null", "{"),
        ([], "filter", "not an array", "{"),
        ("a = 1", "filter", "not a string", "{"),
        ({1: 2}, "filter", "names are strings", None),
        # unknown and misplaced operators
        ({"$eqq": 1}, "filter.$eqq", "$eqq is no operator", "$eq, $ne"),
        ({"a": {"$gtt": 1}}, "filter.a.$gtt", "$gtt is no operator", "$gte"),
        ({"a": {"$regex": "^x"}}, "filter.a.$regex", "$regex is no operator", "$prefix"),
        ({"$gt": 3}, "filter.$gt", "$gt is applied to a field", '{"field": {"$gt"'),
        ({"a": {"$and": []}}, "filter.a.$and", "$and stands around fields", '{"$and": ['),
        ({"a": {"$or": [1]}}, "filter.a.$or", "$or stands around fields", '{"$or": ['),
        # what stands beside a field
        ({"a": [1, 2]}, "filter.a", "not compared with an array", "$in"),
        ({"a": {}}, "filter.a", "no condition", "$exists"),
        ({"a": {"b": 1}}, "filter.a", "b is no operator", "a.b"),
        ({"a": {"gte": 1}}, "filter.a", "gte is no operator", "$gte"),
        ({"a": {"$gte": 1, "b": 2}}, "filter.a", "b is no operator", "dot"),
        ({"a": object()}, "filter.a", "not something of type object", "Send"),
        ({"k" * 513: 1}, "filter." + "k" * 64 + "…", "513 characters", None),
        # logic
        ({"$and": {"a": 1}}, "filter.$and", "an array of filters, not an object", '{"$and": ['),
        ({"$or": []}, "filter.$or", "no filters", "at least one"),
        ({"$and": []}, "filter.$and", "no filters", "at least one"),
        ({"$and": [{"a": 1}, 3]}, "filter.$and[1]", "not a number", "{"),
        ({"$not": []}, "filter.$not", "no filters", "at least one"),
        ({"a": {"$not": 3}}, "filter.a.$not", "an object of operators, not a number", "$ne"),
        ({"a": {"$not": {}}}, "filter.a.$not", "no condition", "$exists"),
        # operands
        ({"a": {"$eq": [1]}}, "filter.a.$eq", "single value, not an array", "$in"),
        ({"a": {"$ne": {"b": 1}}}, "filter.a.$ne", "single value, not an object", "Send"),
        ({"a": {"$contains": ["x"]}}, "filter.a.$contains", "single value, not an array", "$and"),
        ({"a": float("nan")}, "filter.a", "finite", "finite"),
        (
            {"$and": [{"b": 1}, {"year": {"$gt": float("inf")}}]},
            "filter.$and[1].year.$gt",
            "finite",
            "finite",
        ),
        ({"a": {"$gt": True}}, "filter.a.$gt", "not a boolean", "$eq"),
        ({"a": {"$lte": None}}, "filter.a.$lte", "not null", "order"),
        ({"a": {"$gt": "x" * 257}}, "filter.a.$gt", "257 characters", "horter"),
        ({"a": {"$in": 3}}, "filter.a.$in", "an array of values, not a number", "["),
        ({"a": {"$in": []}}, "filter.a.$in", "no values", "at least one"),
        ({"a": {"$nin": []}}, "filter.a.$nin", "no values", "at least one"),
        ({"a": {"$in": [1, [2]]}}, "filter.a.$in[1]", "not an array", "one value"),
        ({"a": {"$in": [0.5, float("nan")]}}, "filter.a.$in[1]", "finite", "finite"),
        ({"a": {"$in": [1] * (OPERANDS_MAX + 1)}}, "filter.a.$in", f"{OPERANDS_MAX + 1} values", "group"),
        ({"a": {"$exists": 1}}, "filter.a.$exists", "not a number", "$eq"),
        ({"a": {"$exists": None}}, "filter.a.$exists", "not null", "$eq"),
        ({"a": {"$prefix": 7}}, "filter.a.$prefix", "not a number", "$gte"),
        ({"a": {"$prefix": "x" * 257}}, "filter.a.$prefix", "257 characters", "horter"),
        ({"a": "x" * 2_049}, "filter.a", "2049 characters", "horter"),
        ({"a": "\ud800"}, "filter.a", "surrogate", "character"),
        # size
        (
            {"$or": [{"a": n} for n in range(CLAUSES_MAX)]},
            f"filter.$or[{CLAUSES_MAX - 1}].a",
            "256 clauses",
            "$in",
        ),
        ({"$or": [{}] * CLAUSES_MAX}, f"filter.$or[{CLAUSES_MAX - 1}]", "256 clauses", "$in"),
        ({f"f{n}": 1 for n in range(CLAUSES_MAX + 1)}, f"filter.f{CLAUSES_MAX}", "256 clauses", "$in"),
        (nested(DEPTH_MAX), "filter" + ".$not" * DEPTH_MAX, "16 levels", "Merge"),
        (nested(DEPTH_MAX, "$and"), "filter" + ".$and[0]" * DEPTH_MAX, "16 levels", "Merge"),
        (field_nested(DEPTH_MAX), "filter.a" + ".$not" * DEPTH_MAX, "16 levels", "Merge"),
        (nested(100_000), "filter" + ".$not" * DEPTH_MAX, "16 levels", "Merge"),
        (field_nested(100_000), "filter.a" + ".$not" * DEPTH_MAX, "16 levels", "Merge"),
    ],
)
def test_a_malformed_filter_is_explained(document: object, field: str, says: str, hints: str | None) -> None:
    """The message says what is wrong, the field where, the hint what to send."""
    with pytest.raises(InvalidFilter) as caught:
        parse(document)
    error = caught.value
    assert error.code == "invalid_filter"
    assert error.field == field
    assert says in error.message
    assert hints is None or hints in (error.hint or "")
    for text in (error.message, error.field, error.hint or ""):
        text.encode("utf-8")  # what is shown of the input can always be sent


def test_an_unknown_operator_lists_the_known_ones() -> None:
    """All of them, so that the right one can be picked from the error."""
    with pytest.raises(InvalidFilter) as caught:
        parse({"a": {"$like": "x"}})
    for name in (*FIELD_OPERATORS, "$and", "$or", "$not"):
        assert name in (caught.value.hint or "")


def test_the_caller_names_the_document() -> None:
    """A filter that arrives under another name is explained under that name."""
    with pytest.raises(InvalidFilter) as caught:
        parse({"a": {"$in": []}}, field="where")
    assert caught.value.field == "where.a.$in"


@pytest.mark.parametrize(
    "document",
    [
        {"$or": [{"a": n} for n in range(CLAUSES_MAX - 1)]},
        {f"f{n}": 1 for n in range(CLAUSES_MAX)},
        nested(DEPTH_MAX - 1),
        nested(DEPTH_MAX - 1, "$or"),
        field_nested(DEPTH_MAX - 1),
        {"a": {"$in": [1] * OPERANDS_MAX}},
        {"a": "x" * 2_048},
        {"a": {"$prefix": "x" * 256}},
        {"k" * 512: {"$gt": "x" * 256}},
        {"a": 10**400},
    ],
    ids=lambda document: str(document)[:40],
)
def test_a_filter_at_its_limits_is_accepted(document: object) -> None:
    """The limits are the last sizes that work."""
    parse(document)
