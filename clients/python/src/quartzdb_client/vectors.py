"""Vectors on the wire: little-endian 32-bit floats in base64, a third of the size of numbers as text.

`VectorLike` is numbers, or anything that has a buffer of 32-bit floats, like an array of numpy: that is not copied
before it is encoded. `Vector` is an array of 32-bit floats; `numpy.asarray(vector)` looks at it without a copy.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from math import isfinite, isinf
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    Vector: TypeAlias = array[float]
    VectorLike: TypeAlias = Sequence[float] | array[float] | memoryview | Any
else:  # an array takes no parameters before Python 3.12
    Vector = array
    VectorLike = Any

_SWAPPED = sys.byteorder == "big"


def encoded(vector: VectorLike) -> str:
    """As it is sent. Raises TypeError for what is no vector, ValueError for more than one dimension."""
    if isinstance(vector, str):
        return vector
    if isinstance(vector, bytes | bytearray):
        raise TypeError("A vector is a sequence of numbers, and this is bytes.")
    try:
        view = memoryview(cast("Any", vector))  # or none: that is what is found out
    except TypeError:
        return _base64(_array(vector))
    if view.ndim != 1:
        raise ValueError(f"A vector has one dimension, and this has {view.ndim}.")
    if view.format != "f" or not view.c_contiguous:
        return _base64(_array(view.tolist()))
    return _base64(view)


def decoded(value: object) -> Vector | None:
    """A vector of an answer, whichever of the two forms it has."""
    if isinstance(value, str):
        floats = array("f", b64decode(value))
        if _SWAPPED:
            floats.byteswap()
        return floats
    if isinstance(value, list):
        return array("f", value)
    return None


def _array(numbers: Any) -> array[float]:
    if isinstance(numbers, dict | set):
        raise TypeError(f"A vector is a sequence of numbers, and this is {type(numbers).__name__}.")
    floats = array("f", numbers)
    # The sum says for less whether there is any: it cannot grow too large by itself.
    if not isfinite(sum(floats)) and any(map(isinf, floats)):
        raise ValueError("A vector has a number that is too large for a 32-bit float.")
    return floats


def _base64(floats: array[float] | memoryview) -> str:
    if _SWAPPED:
        floats = array("f", floats.tobytes())
        floats.byteswap()
    return b64encode(floats).decode("ascii")
