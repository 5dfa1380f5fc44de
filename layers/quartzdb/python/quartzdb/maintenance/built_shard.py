"""A built shard as JSON values, for the process that publishes it. Owns the blob with the rows that were copied,
and in which order they lie now.

No manifest names that blob, so a sweep removes it when the merge is long over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from pyroaring import BitMap

from quartzdb.domain.errors import Corrupted, InvalidArgument
from quartzdb.maintenance.merge_plan import BuiltShard, MergePlan
from quartzdb.storage.snapshot.manifest import FileRef, checksum, parse_segment, segment_document
from quartzdb.storage.snapshot.store import SnapshotStore

_LENGTH = struct.Struct("<I")


def store_built(store: SnapshotStore, plan: MergePlan, built: BuiltShard) -> dict[str, Any]:
    """Store what is large about it; the rest fits into the state of a workflow."""
    key = f"{plan.partition}/copied/{built.segment.name}"
    order = b"" if built.order is None else built.order.astype("<u4").tobytes()
    purged = built.purged if any(built.purged) else ()
    parts = [order, *(rows.serialize() for rows in (*built.copied, *purged))]
    rows = store.store_file(key, b"".join(_LENGTH.pack(len(one)) + one for one in parts))
    return {
        "shard": built.shard,
        "segment": segment_document(built.segment),
        # Not "copied", which the first version of this wrote, without an order: whoever knows no order must fail.
        "rows": asdict(rows),
        "watermark": built.watermark,
        **({"purged": len(purged)} if purged else {}),
    }


def load_built(store: SnapshotStore, document: Mapping[str, Any]) -> BuiltShard:
    """Read it back. Raises InvalidArgument, Corrupted, BlobMissing."""
    try:
        ordered = "rows" in document
        file = FileRef(**document["rows" if ordered else "copied"])
        segment = parse_segment(document["segment"])
        shard, watermark = int(document["shard"]), int(document["watermark"])
        purged = int(document.get("purged", 0))
    except (ValueError, KeyError, TypeError) as error:
        raise _no_result(error) from error
    content = store.blobs.get(file.key)
    if checksum(content) != file.checksum:
        raise Corrupted(f"{file.key} does not match its checksum.", hint="The merge is planned anew later.")
    parts = _parts(content)
    order = np.frombuffer(next(parts), "<u4").astype(np.int64) if ordered else np.empty(0, np.int64)
    rows = [BitMap.deserialize(part) for part in parts]
    copied = rows[: len(rows) - purged]
    return BuiltShard(shard, segment, copied, order if order.size else None, watermark, rows[len(copied) :])


def _parts(content: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(content):
        (length,) = _LENGTH.unpack_from(content, place)
        place += _LENGTH.size + length
        yield content[place - length : place]


def segment_name(document: Mapping[str, Any]) -> str:
    """The name of the segment that was built. Raises InvalidArgument."""
    try:
        return str(document["segment"]["name"])
    except (KeyError, TypeError) as error:
        raise _no_result(error) from error


def _no_result(error: Exception) -> InvalidArgument:
    return InvalidArgument(
        f"That is no result of a built shard: {error!r}.", field="segments", hint="Pass it on unchanged."
    )
