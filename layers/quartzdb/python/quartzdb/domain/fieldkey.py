"""Field keys: a scalar as bytes whose order is the order of the values, so that any ordered store can index them.

Keys of one type are contiguous: null, then booleans, numbers, strings. Keys are equal exactly where filters hold the
values to be equal: 1 and 1.0 share one, 1 and true do not. Segments store them: changing this changes their format.
"""

from __future__ import annotations

import struct
from hashlib import blake2b

from quartzdb.domain.metadata import Scalar

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


def after(key: bytes) -> bytes:
    """The least key that is greater than `key`."""
    return key + b"\x00"


def type_range(value: float | str) -> tuple[bytes, bytes]:
    """The keys of all numbers, or of all strings: start inclusive, end exclusive."""
    return (_STRING, _END) if isinstance(value, str) else (_NUMBER, _STRING)


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
