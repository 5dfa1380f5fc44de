"""A built shard as JSON values, for the process that publishes it. Owns the blob with the rows that were copied.

No manifest names that blob, so a sweep removes it when the merge is long over.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pyroaring import BitMap

from quartzdb.domain.errors import Corrupted, InvalidArgument
from quartzdb.snapshot.manifest import FileRef, checksum, parse_segment, segment_document
from quartzdb.snapshot.merge_plan import BuiltShard, MergePlan
from quartzdb.snapshot.store import SnapshotStore

_LENGTH = struct.Struct("<I")


def store_built(store: SnapshotStore, plan: MergePlan, built: BuiltShard) -> dict[str, Any]:
    """Store what is large about it; the rest fits into the state of a workflow."""
    key = f"{plan.partition}/copied/{built.segment.name}"
    encoded = [rows.serialize() for rows in built.copied]
    copied = store.store_file(key, b"".join(_LENGTH.pack(len(one)) + one for one in encoded))
    return {
        "shard": built.shard,
        "segment": segment_document(built.segment),
        "copied": asdict(copied),
        "watermark": built.watermark,
    }


def load_built(store: SnapshotStore, document: Mapping[str, Any]) -> BuiltShard:
    """Read it back. Raises InvalidArgument, Corrupted, BlobMissing."""
    try:
        file = FileRef(**document["copied"])
        segment = parse_segment(document["segment"])
        shard, watermark = int(document["shard"]), int(document["watermark"])
    except (ValueError, KeyError, TypeError) as error:
        raise _no_result(error) from error
    content = store.blobs.get(file.key)
    if checksum(content) != file.checksum:
        raise Corrupted(f"{file.key} does not match its checksum.", hint="The merge is planned anew later.")
    copied: list[BitMap] = []
    place = 0
    while place < len(content):
        (length,) = _LENGTH.unpack_from(content, place)
        place += _LENGTH.size + length
        copied.append(BitMap.deserialize(content[place - length : place]))
    return BuiltShard(shard, segment, copied, watermark)


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
