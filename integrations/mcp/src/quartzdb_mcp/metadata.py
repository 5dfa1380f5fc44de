"""Records as agents see them: an id, of metadata what was asked for, and a vector only if that was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def chosen(metadata: Mapping[str, Any] | None, fields: Sequence[str] | None) -> dict[str, Any] | None:
    """The fields named; `a.b` is the field `b` inside the object `a`. All without names, nothing for none."""
    if metadata is None or fields == []:
        return None
    if fields is None:
        return dict(metadata)
    shown: dict[str, Any] = {}
    for name in fields:
        _copy(metadata, name.split("."), shown)
    return shown


def numbers(vector: Sequence[float] | None) -> list[float] | None:
    """A vector as JSON, with as many digits as a 32-bit float has."""
    return None if vector is None else [float(f"{number:.9g}") for number in vector]


def without_nothing(record: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is None."""
    return {name: value for name, value in record.items() if value is not None}


def _copy(source: Mapping[str, Any], path: list[str], into: dict[str, Any]) -> None:
    name, *rest = path
    if name not in source:
        return
    inner = source[name]
    if not rest:
        into[name] = inner
    elif isinstance(inner, Mapping):
        below = into.get(name)
        # What was named as a whole before stays whole.
        if not isinstance(below, dict):
            below = into[name] = {}
        if below is not inner:
            _copy(inner, rest, below)
