"""A filter's digest: the name under which what it selects is remembered.

Two filters of one digest select the same rows: it covers the operands' field keys, so that 1 and 1.0 are one and true
is another. The order of clauses and operands does not matter, where it does not change what is selected.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import assert_never

from quartzdb.domain.fieldkey import encode
from quartzdb.domain.filter_terms import (
    And,
    AnyOf,
    Compare,
    Contains,
    Equal,
    Exists,
    Filter,
    Not,
    Or,
    Prefix,
)

_DIGEST_BYTES = 32


def digest(clause: Filter) -> bytes:
    """32 bytes; nobody finds two filters that differ and share them."""
    return blake2b(_spelled(clause), digest_size=_DIGEST_BYTES).digest()


def _spelled(clause: Filter) -> bytes:
    """The clause in bytes from which it could be read back."""
    match clause:
        case Equal(path, value):
            return _parts(b"equal", _text(path), encode(value))
        case AnyOf(path, values):
            return _parts(b"any", _text(path), *sorted({encode(value) for value in values}))
        case Compare(path, operator, value):
            return _parts(operator.encode(), _text(path), encode(value))
        case Prefix(path, prefix):
            return _parts(b"prefix", _text(path), _text(prefix))
        case Contains(path, value):
            return _parts(b"contains", _text(path), encode(value))
        case Exists(path):
            return _parts(b"exists", _text(path))
        case And(clauses):
            return _parts(b"and", *sorted({_spelled(one) for one in clauses}))
        case Or(clauses):
            return _parts(b"or", *sorted({_spelled(one) for one in clauses}))
        case Not(inner):
            return _parts(b"not", _spelled(inner))
    assert_never(clause)


def _parts(*parts: bytes) -> bytes:
    return b"".join([len(parts).to_bytes(4), *(len(part).to_bytes(8) + part for part in parts)])


def _text(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
