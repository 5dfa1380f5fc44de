"""Where in the bucket a blob lies. Owns the prefixes that rights are given by: each family of blobs has its own.

What searches and builds segments must not see users' large key-values, and what takes writes must not touch segments;
so bodies that outgrew the table (spilled_bodies.py) lie apart from segments and manifests.
"""

from __future__ import annotations

from collections.abc import Sequence

SEGMENTS = "blobs/"
"""Segments and manifests."""
LOG_BODIES = "log/"
"""Bodies of large log entries."""
VALUES = "values/"
"""Large key-values."""
POINTERS = "pointers/"
ERASURES = "erasures/"
"""What a restoration has to erase again, and so never touches: no blob lies there."""
EXPORTS = "exports/"
"""Archives of what tenants have, and how far those are that are being made. Their lifecycle ends them."""
BLOB_ROOTS = (SEGMENTS, LOG_BODIES, VALUES)

_OF_KINDS = {"_log": LOG_BODIES, "_kv": VALUES}


def root_of(key: str) -> str:
    """The prefix under which the object of a blob's key lies."""
    return _root(key.split("/", 2)[1:2])


def roots_of(prefix: str) -> Sequence[str]:
    """The prefixes under which objects may lie whose keys begin so: one, if the second segment is whole."""
    segments = prefix.split("/")
    return [_root(segments[1:2])] if len(segments) > 2 else BLOB_ROOTS


def _root(kind: list[str]) -> str:
    return _OF_KINDS.get(kind[0], SEGMENTS) if kind else SEGMENTS
