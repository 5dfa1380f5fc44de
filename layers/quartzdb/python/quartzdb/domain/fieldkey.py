"""Field keys: a scalar as bytes whose order is the order of the values, so that any ordered store can index them.

Keys of one type are contiguous: null, then booleans, numbers, strings. Keys are equal exactly where filters hold the
values to be equal: 1 and 1.0 share one, 1 and true do not. Segments store them: changing this changes their format.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from quartzdb.domain.metadata import INTEGER_MAX, INTEGER_MIN, Scalar

ORDERED_CHARACTERS_MAX = 256
"""How much of a string takes part in order. What is longer keeps a hash of the whole, so equality stays exact, and an
operand up to this length still compares exactly; a field of long texts costs the index a bounded size per record."""

_NULL = b"\x01"
_FALSE = b"\x02\x00"
_TRUE = b"\x02\x01"
_NUMBER = b"\x03"
_STRING = b"\x04"
_END = b"\x05"

_FLOAT = struct.Struct(">d")
_BITS = struct.Struct(">Q")
_NUMBER_KEY = struct.Struct(">cQQ")
_SIGN = 1 << 63
_ALL_BITS = (1 << 64) - 1


def encode(value: Scalar) -> bytes:
    """The key of a scalar. Total: a value that validation would refuse still gets some key."""
    if isinstance(value, str):
        return _STRING + _encode_text(value)
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    return _encode_number(value)


def decode(key: bytes) -> Scalar:
    """A scalar that has this key: an integer where 1 and 1.0 share one. Of a string longer than
    ORDERED_CHARACTERS_MAX it is the beginning.
    """
    kind = key[:1]
    if kind == _STRING:
        return _decode_text(key[1:])
    if kind == _NUMBER:
        return _decode_number(key)
    return None if key == _NULL else key == _TRUE


def numbers_of(keys: Sequence[bytes]) -> npt.NDArray[np.float64]:
    """The numbers of ascending keys, as the nearest floats; not-a-number for keys of anything else."""
    numbers = np.full(len(keys), np.nan)
    low, high = bisect_left(keys, _NUMBER), bisect_left(keys, _STRING)
    if low < high:
        stored = np.frombuffer(
            b"".join(keys[low:high]), dtype=[("type", "S1"), ("near", ">u8"), ("rest", ">u8")]
        )
        bits = stored["near"].astype(np.uint64)
        negative = bits < np.uint64(_SIGN)
        numbers[low:high] = np.where(negative, ~bits, bits ^ np.uint64(_SIGN)).view(np.float64)
        numbers[low:high] += (stored["rest"].astype(np.uint64) - np.uint64(_SIGN)).view(np.int64)
    return numbers


def after(key: bytes) -> bytes:
    """The least key that is greater than `key`."""
    return key + b"\x00"


def type_range(value: float | str) -> tuple[bytes, bytes]:
    """The keys of all numbers, or of all strings: start inclusive, end exclusive."""
    return (_STRING, _END) if isinstance(value, str) else (_NUMBER, _STRING)


def boolean_range() -> tuple[bytes, bytes]:
    """The keys of both booleans: start inclusive, end exclusive."""
    return _FALSE, _NUMBER


def prefix_range(prefix: str) -> tuple[bytes, bytes]:
    """The keys of all strings that begin with `prefix`: start inclusive, end exclusive."""
    low = _STRING + prefix.encode("utf-8", "surrogatepass")
    # The last byte is a tag or of UTF-8, never 0xFF, so adding one to it never carries.
    return low, low[:-1] + bytes((low[-1] + 1,))


def _encode_text(text: str) -> bytes:
    if len(text) <= ORDERED_CHARACTERS_MAX:
        return text.encode("utf-8", "surrogatepass")
    # Longer than any operand that cuts off at the same place, it sorts after it, as the whole does.
    whole = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return text[:ORDERED_CHARACTERS_MAX].encode("utf-8", "surrogatepass") + whole


def _decode_text(text: bytes) -> str:
    try:
        whole = text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        whole = ""
    if (whole and len(whole) <= ORDERED_CHARACTERS_MAX) or not text:
        return whole
    # A hash follows the beginning: 16 bytes that are no text, or none that belongs to it.
    return text[:-16].decode("utf-8", "surrogatepass")


def _decode_number(key: bytes) -> int | float:
    _, sortable, beyond = _NUMBER_KEY.unpack(key)
    bits = sortable ^ (_SIGN if sortable & _SIGN else _ALL_BITS)
    nearest: float = _FLOAT.unpack(_BITS.pack(bits))[0]
    if not nearest.is_integer():
        return nearest
    whole = int(nearest) + beyond - _SIGN
    # A larger one was no integer that metadata may have.
    return whole if INTEGER_MIN <= whole <= INTEGER_MAX else nearest


def _encode_number(number: int | float) -> bytes:
    """The nearest float, then what the integer is beyond it: exact for every 64-bit integer and every float."""
    try:
        nearest = float(number) + 0.0  # -0.0 + 0.0 is 0.0: one zero
    except OverflowError:
        nearest = float("inf") if number > 0 else float("-inf")
    beyond = 0
    if isinstance(number, int) and abs(nearest) != float("inf"):
        beyond = max(-_SIGN, min(_SIGN - 1, number - int(nearest)))
    bits: int = _BITS.unpack(_FLOAT.pack(nearest))[0]
    # IEEE 754 bits order like sign-magnitude integers: flip all of a negative, only the sign of a positive.
    sortable = bits ^ (_ALL_BITS if bits & _SIGN else _SIGN)
    return _NUMBER_KEY.pack(_NUMBER, sortable, beyond + _SIGN)
