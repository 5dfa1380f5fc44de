"""What is in a record's text and sparse fields. What is there but of another kind counts as nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quartzdb.domain.limits import SPARSE_INDEX_MAX


def texts_of(metadata: Mapping[str, Any], name: str) -> Sequence[str]:
    """The texts of a field: a string, or the strings of an array."""
    value = metadata.get(name)
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return [one for one in value if isinstance(one, str)]
    return ()


def sparse_of(metadata: Mapping[str, Any], name: str) -> tuple[Sequence[int], Sequence[float]]:
    """Indices and values of a field's sparse vector, without zeros; each index once."""
    value = metadata.get(name)
    if not isinstance(value, Mapping):
        return (), ()
    indices, values = value.get("indices"), value.get("values")
    if not isinstance(indices, list | tuple) or not isinstance(values, list | tuple):
        return (), ()
    found: dict[int, float] = {}
    with np.errstate(over="ignore"):
        for index, number in zip(indices, values, strict=False):
            if type(index) is int and 0 <= index <= SPARSE_INDEX_MAX and type(number) in (int, float):
                rounded = float(np.float32(number))
                if rounded and np.isfinite(rounded):
                    found[index] = rounded
    return list(found), list(found.values())


def sparse_key(index: int) -> str:
    """An index as a word: in the order of numbers."""
    return f"{index:08x}"
