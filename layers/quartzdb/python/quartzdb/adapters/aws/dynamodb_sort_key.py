"""Any text as a sort key of at most 1,024 bytes, in the order of code points. Owns that encoding; does no I/O.

Text of up to 960 bytes of UTF-8, which DynamoDB compares byte by byte, is its own sort key. Longer text keeps its head,
the longest run of whole characters within 960 bytes, followed by U+10FFFF and a digest. Why the order holds: what
follows the head in the text did not fit, so it is a longer character than anything that does fit there, and in UTF-8
longer is later. So whatever else begins with this head sorts before the mark. Texts with one head are neighbours, but
among themselves they are in no order: whoever lists them sorts them (at 512 characters, that takes keys which agree in
their first 240).
"""

from __future__ import annotations

from hashlib import sha256

SORT_KEY_BYTES_MAX = 1_024
HEAD_BYTES_MAX = 960
_MARK = "\U0010ffff"
_SURROGATES = ("\ud800", "\udfff")


def sort_key(text: str) -> str:
    """The sort key of a text. Raises UnicodeEncodeError for half a surrogate pair."""
    encoded = text.encode()
    if len(encoded) <= HEAD_BYTES_MAX:
        return text
    return _group(encoded) + sha256(encoded).hexdigest()[:60]


def shares_its_head(key: str) -> str | None:
    """What the sort keys of all texts with this one's head begin with; None for a text that is its own sort key."""
    encoded = key.encode()
    return _group(encoded) if len(encoded) > HEAD_BYTES_MAX else None


def range_of(prefix: str, after: str | None) -> tuple[str, str] | None:
    """(low, high) between which lie the sort keys of all texts that have the prefix and come after `after`.

    Others may lie there too: the caller compares texts. None where there can be no such text.
    """
    if _surrogate_at(prefix) is not None:
        return None
    low = _group_or_self(prefix)
    high = low + _MARK * ((SORT_KEY_BYTES_MAX - len(low.encode())) // 4)
    if after:
        at = _surrogate_at(after)
        # No text has half a pair: after it comes the first character behind all of those.
        low = max(low, _group_or_self(after if at is None else after[:at] + "\ue000"))
    return (low or "\0", high) if low <= high else None


def _group_or_self(text: str) -> str:
    encoded = text.encode()
    return text if len(encoded) <= HEAD_BYTES_MAX else _group(encoded)


def _group(encoded: bytes) -> str:
    return encoded[:HEAD_BYTES_MAX].decode(errors="ignore") + _MARK


def _surrogate_at(text: str) -> int | None:
    return next(
        (at for at, character in enumerate(text) if _SURROGATES[0] <= character <= _SURROGATES[1]), None
    )
