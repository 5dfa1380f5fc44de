"""Documents that are counts: nested objects whose leaves are whole numbers, or lists of them, added leaf by leaf.

Adding has no order, so neither has what counters come to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Counts: TypeAlias = Mapping[str, Any]


def added(one: Counts, other: Counts) -> dict[str, Any]:
    """The sum."""
    return {name: _sum(one.get(name), other.get(name)) for name in sorted(one.keys() | other.keys())}


def _sum(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    if isinstance(one, Mapping):
        return added(one, other)
    if isinstance(one, Sequence):
        return [a + b for a, b in zip(one, other, strict=True)]
    return one + other
