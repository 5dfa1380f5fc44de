"""Filters as LangChain's stores take them, in the database's words: most are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def filter_of(given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The filter as it is sent: `$between` and `$like` said otherwise, all else as it is.

    Raises TypeError for what is no mapping, ValueError for a pattern that is no beginning.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise TypeError(
            f"A filter is a dictionary, as {{'year': {{'$gt': 1960}}}}, and this is {type(given).__name__}."
        )
    return {name: _clause(name, value) for name, value in given.items()}


def _clause(name: str, value: Any) -> Any:
    if name in {"$and", "$or"} or (name == "$not" and isinstance(value, list)):
        return [filter_of(one) for one in value]
    if name == "$not":
        return filter_of(value)
    return _condition(name, value) if isinstance(value, Mapping) else value


def _condition(field: str, condition: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for operator, value in condition.items():
        if operator == "$between":
            low, high = value
            said |= {"$gte": low, "$lte": high}
        elif operator == "$like":
            beginning = value.removesuffix("%")
            if beginning == value or "%" in beginning or "_" in beginning:
                raise ValueError(
                    f"The pattern {value!r} for {field!r} asks for more than a beginning, as 'desert%'. "
                    "For words in a text, search with mode='text' or 'hybrid'."
                )
            said["$prefix"] = beginning
        elif operator == "$not":
            said["$not"] = _condition(field, value)
        else:
            said[operator] = value
    return said
