"""Buckets and state hashes: how a site says in 256 numbers what it has. Defined in docs/replication.md."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from quartzdb.domain.hlc import Version


def bucket_of(record_id: str) -> int:
    """The bucket of an id or key: the first byte of the SHA-256 of its UTF-8."""
    return sha256(record_id.encode()).digest()[0]


def state_hash(record_id: str, base: Version, patches: Mapping[str, Version]) -> int:
    """The hash of a live state: its id and every version that shows in it."""
    lines = [record_id, str(base)]
    # By code point, which is the order of the bytes in UTF-8.
    lines += [f"{name}={patches[name]}" for name in sorted(patches)]
    return int.from_bytes(sha256("\n".join(lines).encode()).digest()[:4])
