"""Filters of Haystack in the database's words, with Haystack's meaning of what is not there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from haystack.errors import FilterError

from haystack_integrations.document_stores.quartzdb.documents import CONTENT, EMBEDDED, ID

Filter = dict[str, Any]

NEVER: Filter = {ID: {"$exists": False}}
"""Holds for no record: each has it."""
WITH_EMBEDDING: Filter = {EMBEDDED: {"$ne": False}}
"""Holds for documents that have an embedding."""

_OWN = {"id": ID, "content": CONTENT}
_NOT_FILTERED = {"blob", "embedding", "score", "sparse_embedding"}
_ORDERS = {">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}


def filter_of(given: Mapping[str, Any] | None) -> Filter | None:
    """The filter as it is sent; None for all. Raises FilterError."""
    return _condition(given) if given else None


def both(one: Filter | None, other: Filter | None) -> Filter | None:
    """What matches both."""
    return {"$and": [one, other]} if one and other else one or other


def field_of(name: str) -> str:
    """Where a field of documents is in records: "meta.year" and "year" at "year". Raises FilterError."""
    if name in _NOT_FILTERED:
        raise FilterError(
            f"Documents cannot be filtered by {name!r}: use 'id', 'content' or a field 'meta.…'."
        )
    return _OWN.get(name) or name.removeprefix("meta.")


def _condition(given: object) -> Filter:
    if not isinstance(given, Mapping):
        raise FilterError(f"A filter is a dictionary, and this is {type(given).__name__}: {given!r}.")
    return _comparison(given) if "field" in given else _logic(given)


def _logic(given: Mapping[str, Any]) -> Filter:
    operator = _part(given, "operator")
    conditions = [_condition(one) for one in _part(given, "conditions")]
    match operator:
        case "AND":
            return _all(conditions)
        case "OR":
            return {"$or": conditions} if conditions else NEVER
        case "NOT":
            return {"$not": _all(conditions)}
    raise FilterError(f"There is no operator {operator!r} of conditions: it is AND, OR or NOT.")


def _all(conditions: list[Filter]) -> Filter:
    return {"$and": conditions} if conditions else {}


def _comparison(given: Mapping[str, Any]) -> Filter:
    field = field_of(_part(given, "field"))
    operator = _part(given, "operator")
    value = _part(given, "value")
    if operator in _ORDERS:
        return NEVER if value is None else {field: {_ORDERS[operator]: _ordered(value, operator)}}
    compare = _COMPARISONS.get(operator)
    if compare is None:
        known = ", ".join([*_COMPARISONS, *_ORDERS])
        raise FilterError(f"There is no operator {operator!r}: it is one of {known}.")
    return compare(field, value)


def _equal(field: str, value: object) -> Filter:
    if value is None:  # for Haystack, what is not there is None
        return {"$or": [{field: None}, {field: {"$exists": False}}]}
    return {field: {"$eq": _plain(value)}}


def _not_equal(field: str, value: object) -> Filter:
    if value is None:
        return {field: {"$exists": True, "$ne": None}}
    return {field: {"$ne": _plain(value)}}


def _in(field: str, values: object) -> Filter:
    if not isinstance(values, list):
        raise FilterError(f"'in' and 'not in' take a list, and this is {type(values).__name__}.")
    found = [_equal(field, None)] if None in values else []
    known = [_plain(value) for value in values if value is not None]
    if known:
        found.append({field: {"$in": known}})
    return {"$or": found} if found else NEVER


def _not_in(field: str, values: object) -> Filter:
    return {"$not": _in(field, values)}


_COMPARISONS: Mapping[str, Callable[[str, Any], Filter]] = {
    "==": _equal,
    "!=": _not_equal,
    "in": _in,
    "not in": _not_in,
}


def _plain(value: object) -> object:
    """A value that can be equal to one in JSON."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple | set | dict):
        raise FilterError(f"Values are compared one by one, and this is {type(value).__name__}: use 'in'.")
    return value


def _ordered(value: object, operator: str) -> object:
    """A value that has an order: numbers and dates. Haystack knows no order of other texts."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise FilterError(
                f"{operator!r} compares numbers and dates in ISO form, and this is {value!r}."
            ) from None
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise FilterError(f"{operator!r} compares numbers and dates, and this is {type(value).__name__}.")


def _part(given: Mapping[str, Any], name: str) -> Any:
    if name not in given:
        raise FilterError(f"The filter lacks {name!r}: {given!r}.")
    return given[name]
