"""Ids: a prefix that says what it is, and a ULID, so that ids sort by the time at which they were made.

ULID: https://github.com/ulid/spec, in lower case, because project ids are tenant names.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_CHARACTERS = 10
_RANDOM_CHARACTERS = 16
_RANDOM_BYTES = 10
PREFIXES = frozenset({"org", "prj", "usr", "inv", "tok", "evt", "ses", "psk", "crd", "opr", "inc", "exp"})
_SHAPE = re.compile(rf"^(?:{'|'.join(sorted(PREFIXES))})_[{_ALPHABET}]{{26}}$")


def new_id(prefix: str, unix_ms: int, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """An id of that kind, made at that time."""
    if prefix not in PREFIXES:
        raise ValueError(f"no kind of id: {prefix}")
    number = int.from_bytes(random_bytes(_RANDOM_BYTES))
    return f"{prefix}_{_digits(unix_ms, _TIME_CHARACTERS)}{_digits(number, _RANDOM_CHARACTERS)}"


def is_id(text: str, prefix: str) -> bool:
    """Whether it could be an id of that kind."""
    return text.startswith(f"{prefix}_") and _SHAPE.fullmatch(text) is not None


def _digits(number: int, width: int) -> str:
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(width)))
