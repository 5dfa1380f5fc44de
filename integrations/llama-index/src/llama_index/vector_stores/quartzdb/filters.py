"""LlamaIndex's metadata filters in the database's words, with the meaning that its own store gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from llama_index.vector_stores.quartzdb.nodes import DOCUMENT, EMPTY, NODE_ID

Filter = dict[str, Any]

NEVER: Filter = {NODE_ID: {"$exists": False}}
"""Holds for no record: each has it."""

_ORDERS = {
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
}
_TEXT_MATCHES = {FilterOperator.TEXT_MATCH, FilterOperator.TEXT_MATCH_INSENSITIVE}


def text_matches(given: MetadataFilters | None) -> Iterator[MetadataFilter]:
    """The filters in it for parts of texts. No filter of the database does that: somebody has to look for them."""
    for one in given.filters if given else ():
        if isinstance(one, MetadataFilters):
            yield from text_matches(one)
        elif one.operator in _TEXT_MATCHES:
            yield one


def is_match(filter: MetadataFilter, value: object) -> bool:
    """Whether a value has the part that a text match looks for."""
    part = str(filter.value)
    if not isinstance(value, str):
        return False
    if filter.operator is FilterOperator.TEXT_MATCH_INSENSITIVE:
        return part.lower() in value.lower()
    return part in value


def filter_of(
    given: MetadataFilters | None,
    found: Mapping[int, Filter],
    *,
    node_ids: Sequence[str] | None = None,
    document_ids: Sequence[str] | None = None,
) -> Filter | None:
    """The filter as it is sent; None for all. `found` is by `id` of each text match what it stands for.

    Raises ValueError for operators that do not fit their values.
    """
    parts: list[Filter] = []
    if given is not None and given.filters:
        parts.append(_group(given, found))
    if node_ids is not None:
        parts.append(_in(NODE_ID, list(node_ids)))
    if document_ids is not None:
        parts.append(_in(DOCUMENT, list(document_ids)))
    return {"$and": parts} if len(parts) > 1 else parts[0] if parts else None


def _group(given: MetadataFilters, found: Mapping[int, Filter]) -> Filter:
    parts = [
        _group(one, found) if isinstance(one, MetadataFilters) else _leaf(one, found) for one in given.filters
    ]
    if not parts:
        return {}
    if given.condition is FilterCondition.OR:
        return {"$or": parts}
    if given.condition is FilterCondition.NOT:
        return {"$not": parts}
    return {"$and": parts}


def _leaf(one: MetadataFilter, found: Mapping[int, Filter]) -> Filter:
    if one.operator in _TEXT_MATCHES:
        return found[id(one)]
    if one.operator in _ORDERS:
        return NEVER if one.value is None else {one.key: {_ORDERS[one.operator]: one.value}}
    return _OPERATORS[one.operator](one.key, one.value)


def _equal(field: str, value: Any) -> Filter:
    return NEVER if value is None else {field: {"$eq": value}}


def _not_equal(field: str, value: Any) -> Filter:
    return {} if value is None else {field: {"$ne": value}}


def _in(field: str, values: Any) -> Filter:
    return {field: {"$in": _list(field, values)}} if values else NEVER


def _not_in(field: str, values: Any) -> Filter:
    return {field: {"$nin": _list(field, values)}} if values else {}


def _contains(field: str, value: Any) -> Filter:
    return {field: {"$contains": value}}


def _any(field: str, values: Any) -> Filter:
    return {"$or": [_contains(field, value) for value in _list(field, values)]} if values else NEVER


def _all(field: str, values: Any) -> Filter:
    is_there = {field: {"$exists": True, "$ne": None}}
    return {"$and": [is_there, *(_contains(field, value) for value in _list(field, values or []))]}


def _empty(field: str, _: Any) -> Filter:
    nothing = [{field: {"$exists": False}}, {field: {"$in": [None, ""]}}]
    return {"$or": [*nothing, {EMPTY: {"$contains": field}}]}


_OPERATORS: Mapping[FilterOperator, Callable[[str, Any], Filter]] = {
    FilterOperator.EQ: _equal,
    FilterOperator.NE: _not_equal,
    FilterOperator.IN: _in,
    FilterOperator.NIN: _not_in,
    FilterOperator.CONTAINS: _contains,
    FilterOperator.ANY: _any,
    FilterOperator.ALL: _all,
    FilterOperator.IS_EMPTY: _empty,
}


def _list(field: str, values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise ValueError(
            f"The filter of {field!r} takes a list, and this is {type(values).__name__}: {values!r}."
        )
    return values
