"""The bytes of one log entry: a JSON head with everything but the vectors, then the vectors as one float32 block.

Layout: magic "QL1\\n", u32 little-endian head length, head, float32 block. Operations with the entry's own version do
not repeat it; a replicated one carries the version that it was born with.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from quartzdb.domain.change import OWN, Change, Delete, Patch, Upsert
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.hlc import Version
from quartzdb.domain.vector import Vector

_MAGIC = b"QL1\n"
_HEAD_LENGTH = struct.Struct("<I")


def encode_entry(changes: Sequence[Change]) -> bytes:
    """One atomic batch as bytes, the same whatever version it gets. All vectors have one dimension."""
    vectors: list[Vector] = []
    operations: list[list[Any]] = []
    for change in changes:
        born = None if change.version == OWN else str(change.version)
        if isinstance(change, Upsert):
            vectors.append(change.vector)
            operations.append(["u", change.id, born, change.metadata or None])
        elif isinstance(change, Patch):
            operations.append(["p", change.id, born, change.set or None, change.unset or None])
        else:
            operations.append(["d", change.id, born])
    head = orjson.dumps({"dimension": vectors[0].size if vectors else 0, "operations": operations})
    block = np.stack(vectors).astype("<f4", copy=False).tobytes() if vectors else b""
    return b"".join((_MAGIC, _HEAD_LENGTH.pack(len(head)), head, block))


def decode_entry(body: bytes, version: Version) -> list[Change]:
    """The changes of an entry appended as `version`. Raises Corrupted."""
    try:
        return list(_decode(body, version))
    except (ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        raise Corrupted(
            f"The log entry {version} cannot be decoded.", hint="Run `quartzdb verify` on the data directory."
        ) from error


def _decode(body: bytes, version: Version) -> list[Change]:
    if body[:4] != _MAGIC:
        raise ValueError("not a log entry")
    (length,) = _HEAD_LENGTH.unpack_from(body, 4)
    start = 4 + _HEAD_LENGTH.size
    head = orjson.loads(body[start : start + length])
    block = np.frombuffer(body, dtype="<f4", offset=start + length)
    if head["dimension"]:
        rows = block.reshape(-1, head["dimension"])
    else:  # upserts without vectors, or none at all
        rows = block.reshape(sum(kind == "u" for kind, *_ in head["operations"]), 0)
    changes: list[Change] = []
    row = 0
    for kind, record_id, born, *rest in head["operations"]:
        own = version if born is None else Version.parse(born)
        if kind == "u":
            changes.append(Upsert(record_id, own, rows[row], rest[0] or {}))
            row += 1
        elif kind == "p":
            changes.append(Patch(record_id, own, rest[0] or {}, tuple(rest[1] or ())))
        elif kind == "d":
            changes.append(Delete(record_id, own))
        else:
            raise ValueError(f"unknown operation {kind!r}")
    if row != len(rows):
        raise ValueError("as many vectors as upserts")
    return changes
