"""Vectors: parsing, checking and packing. A stored vector is float32, 1 to 4096 finite numbers."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.errors import DimensionMismatch, InvalidVector
from quartzdb.domain.limits import DIMENSION_MAX
from quartzdb.domain.metadata import json_type

Vector = npt.NDArray[np.float32]
"""One vector, shape (d,)."""
Matrix = npt.NDArray[np.floating[Any]]
"""Vectors as rows, shape (n, d), float32 or float16."""
Floats = npt.NDArray[np.float32]
"""One number per row, shape (n,)."""
Rows = npt.NDArray[np.int64]
"""Row numbers within one segment or tail, shape (m,)."""
Mask = npt.NDArray[np.bool_]
"""One flag per row, shape (n,)."""

NO_VECTOR: Vector = np.empty(0, dtype=np.float32)
"""That of a record in a namespace without dimension."""
NO_VECTOR.flags.writeable = False

LENGTH_MAX = 1e15
LENGTH_MIN = 1e-15
"""Lengths between which products of two vectors keep their digits in float32."""
_SURELY_SHORT, _SURELY_LONG = LENGTH_MAX**2 / 10, LENGTH_MIN**2 * 10
"""Squares of lengths which, summed in float32, are surely below the one and above the other."""
_ZERO, _ONE = struct.pack("<f", 0), struct.pack("<f", 1)


def parse_vector(document: object, *, field: str = "vector") -> Vector:
    """A vector from JSON: a list of numbers, or base64 of little-endian float32. Raises InvalidVector."""
    if isinstance(document, str):
        return check_finite(_from_base64(document, field), field)
    if not isinstance(document, Sequence):
        raise InvalidVector(
            f"A vector is a list of numbers or a base64 string, not {json_type(document)}.",
            field=field,
            hint="Send [0.1, 0.2, …] or base64 of little-endian float32 bytes.",
        )
    return check_finite(_from_numbers(document, field), field)


def check_finite(vector: Vector, field: str = "vector") -> Vector:
    """The vector, unless it is empty, too long, or has a NaN or infinity. Raises InvalidVector."""
    if vector.size == 0:
        raise InvalidVector("The vector is empty.", field=field, hint="Send at least one number.")
    if vector.size > DIMENSION_MAX:
        raise InvalidVector(
            f"The vector has {vector.size} numbers; at most {DIMENSION_MAX} are accepted.", field=field
        )
    # `vdot`, since the others warn where a square is beyond float32.
    if np.vdot(vector, vector) <= _SURELY_SHORT or length_of(vector) <= LENGTH_MAX:
        return vector  # with a number that is not finite it would have no such length
    finite = np.isfinite(vector)
    if not finite.all():
        position = int(np.argmin(finite))
        raise InvalidVector(
            f"The number at position {position} is not finite in 32-bit precision.",
            field=f"{field}[{position}]",
            hint="Replace NaN and infinity; the largest magnitude is 3.4e38.",
        )
    raise InvalidVector(
        f"The vector's length is over {LENGTH_MAX:g}, where products overflow 32-bit floats.",
        field=field,
        hint="Scale the vectors down.",
    )


def check_dimension(vector: Vector, dimension: int, field: str = "vector") -> None:
    """Raises DimensionMismatch unless the vector has `dimension` numbers."""
    if vector.size != dimension:
        raise DimensionMismatch(
            f"The vector has {vector.size} numbers but the namespace has dimension {dimension}.",
            field=field,
            hint=f"Send exactly {dimension} numbers, or use a namespace with dimension {vector.size}.",
        )


def check_direction(vector: Vector, field: str = "vector") -> None:
    """Raises InvalidVector for a vector of length zero, or next to it: under cosine it is near to nothing."""
    if np.vdot(vector, vector) < _SURELY_LONG and length_of(vector) < LENGTH_MIN:
        raise InvalidVector(
            "The vector is all zeros, or nearly: it has no direction to compare under the cosine metric.",
            field=field,
            hint="Leave the record out, or use a namespace with metric dot or euclidean.",
        )


def length_of(vector: Vector) -> float:
    """The Euclidean length, in float64."""
    wide = vector.astype(np.float64)
    return math.sqrt(wide @ wide)


def norms_of(rows: Matrix) -> Floats:
    """Euclidean lengths of rows (n, d), summed in float64 so that huge components do not overflow."""
    wide = rows.astype(np.float64)
    lengths: Floats = np.sqrt(np.einsum("ij,ij->i", wide, wide)).astype(np.float32)
    return lengths


def to_base64(vector: Vector) -> str:
    """Little-endian float32 bytes in base64: the compact JSON form."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def _from_base64(text: str, field: str) -> Vector:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidVector(
            "The vector is a string but not valid base64.",
            field=field,
            hint="Encode little-endian float32 bytes with standard base64.",
        ) from error
    if len(raw) % 4:
        raise InvalidVector(
            f"The base64 vector has {len(raw)} bytes, which is no whole number of 4-byte floats.",
            field=field,
            hint="Encode little-endian float32 bytes with standard base64.",
        )
    return np.frombuffer(raw, dtype="<f4").astype(np.float32, copy=False)


def _from_numbers(numbers: Sequence[object], field: str) -> Vector:
    if len(numbers) > DIMENSION_MAX:
        raise InvalidVector(
            f"The vector has {len(numbers)} numbers; at most {DIMENSION_MAX} are accepted.", field=field
        )
    try:
        packed = struct.pack(f"<{len(numbers)}f", *numbers)
    except (struct.error, OverflowError, TypeError):
        return _from_others(numbers, field)
    # A look at the type of each takes longer than all else: what could be packed, and is true or false, is 1 or 0.
    if _ZERO in packed or _ONE in packed:
        _check_types(numbers, field)
    return np.frombuffer(packed, dtype="<f4").astype(np.float32)


def _from_others(numbers: Sequence[object], field: str) -> Vector:
    """Of what holds something that is no number, or too large for 32 bits, which is infinite then."""
    _check_types(numbers, field)
    try:
        with np.errstate(over="ignore"):
            return np.array(numbers, dtype=np.float64).astype(np.float32)
    except OverflowError as error:
        raise InvalidVector(
            "An entry is too large for a 32-bit float.", field=field, hint="The largest magnitude is 3.4e38."
        ) from error


def _check_types(numbers: Sequence[object], field: str) -> None:
    """Raises InvalidVector for what is no number. Of true and of "1" numpy would quietly make 1.0."""
    if not set(map(type, numbers)) <= {float, int}:
        position = next(i for i, number in enumerate(numbers) if type(number) not in (float, int))
        raise InvalidVector(
            f"The entry at position {position} is not a number.", field=f"{field}[{position}]"
        )
