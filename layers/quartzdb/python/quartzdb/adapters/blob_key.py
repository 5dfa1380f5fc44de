"""What may be the key of a blob or pointer, in every BlobStore: no key can climb out of a directory."""

from __future__ import annotations

import re

_SEGMENT = re.compile(r"[A-Za-z0-9._-]{1,200}")
_KEY_CHARACTERS_MAX = 900
"""S3 stops at 1,024 bytes; the rest is room for an adapter's own prefix."""


def check_blob_key(key: str) -> str:
    """The key, if it is one: segments of A-Z a-z 0-9 . _ - between slashes, none of them "." or "..".

    Raises ValueError: keys are made by this program, never by a user, so a bad one is a mistake in it.
    """
    if len(key) > _KEY_CHARACTERS_MAX or not all(_is_segment(segment) for segment in key.split("/")):
        raise ValueError(f"no blob key: {key[:100]!r}")
    return key


def check_blob_prefix(prefix: str) -> str:
    """The prefix, if keys can begin with it; it may be empty or end inside a segment. Raises ValueError."""
    *whole, last = prefix.split("/")
    partial = not last or (_SEGMENT.fullmatch(last) is not None and last != "..")
    if len(prefix) > _KEY_CHARACTERS_MAX or not partial or not all(_is_segment(segment) for segment in whole):
        raise ValueError(f"no prefix of blob keys: {prefix[:100]!r}")
    return prefix


def _is_segment(segment: str) -> bool:
    return _SEGMENT.fullmatch(segment) is not None and segment not in {".", ".."}
