"""The manifest: which segments are live, which of their rows are dead, and up to where they cover the log.

Immutable once written. A pointer names the current one; swapping the pointer is what publishes a snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

import orjson
import xxhash

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.hlc import Version
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Partition, Precision
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.expiries import Steps, expired_at_least
from quartzdb.storage.index.segments.segment import SegmentShape
from quartzdb.storage.index.segments.segment_files import ROWS_FILE

_FORMAT = 1
_FORMAT_WITH_ROWS = 2
"""Of a manifest that names a segment whose records lie in a file of rows, which format 1 knows nothing of."""


@dataclass(frozen=True, slots=True)
class FileRef:
    """A blob with what it must be: size in bytes and xxh3-128 checksum (hexadecimal)."""

    key: str
    size: int
    checksum: str


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """One live segment. `dead` names the rows (a roaring bitmap) that newer segments replaced.

    `dead_since_ms` (unix) is since when it has dead rows or tombstones, from its publication on; None: it has none.
    `expiring` says how many of its rows have expired by when, the dead ones included.
    """

    name: str
    shape: SegmentShape
    tombstones: int
    files: Mapping[str, FileRef]
    dead: FileRef | None = None
    dead_rows: int = 0
    dead_since_ms: int | None = None
    expiring: Steps = ()

    @property
    def expires_from_ms(self) -> int | None:
        """The moment of the row that expires first; None where none ever does."""
        return self.expiring[0][0] if self.expiring else None

    def at(self, now_ms: int) -> SegmentRef:
        """The same with rows that have expired counted among the dead: at least as many as there are of both."""
        expired = expired_at_least(self.expiring, now_ms)
        if not expired:
            return self
        since_ms = min(self.expiring[0][0], self.dead_since_ms or now_ms)
        return replace(self, dead_rows=max(self.dead_rows, expired), dead_since_ms=since_ms)

    @property
    def live_rows(self) -> int:
        """Rows that hold a record's present state."""
        return self.shape.rows - self.dead_rows

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.size for file in self.files.values()) + (self.dead.size if self.dead else 0)


@dataclass(frozen=True, slots=True)
class ExpiredRef:
    """A file of expiries, kept for who follows changes: those whose place is after one stamp and up to another."""

    file: FileRef
    after: int
    through: int
    count: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One snapshot of a partition. `watermark`: every log entry up to this append stamp is in the segments.

    `folded` are the entries near the watermark that are in; `previous` is the manifest that this one followed, kept
    until the next publication so that a reader can fall back to it. `previous_released`: that one names the same
    segments.

    `expired` has the expiries up to `expired_through`, but those up to `expired_floor`, which are no longer kept; what
    expires later is still to be seen in the segments and the log. All three are 0 or empty where nothing ever expired.
    """

    partition: Partition
    sequence: int
    watermark: int
    segments: tuple[SegmentRef, ...] = ()
    folded: tuple[Version, ...] = ()
    previous: str | None = None
    created_at_ms: int = field(default=0, compare=False)
    previous_released: bool = False
    expired: tuple[ExpiredRef, ...] = ()
    expired_through: int = 0
    expired_floor: int = 0

    @property
    def expires(self) -> bool:
        """Whether a row of it expires at some time."""
        return any(segment.expiring for segment in self.segments)

    @property
    def live_rows(self) -> int:
        """Records in this snapshot."""
        return sum(segment.live_rows for segment in self.segments)

    @property
    def blob_keys(self) -> set[str]:
        """Every blob that this snapshot needs."""
        keys = {file.key for segment in self.segments for file in segment.files.values()}
        keys |= {segment.dead.key for segment in self.segments if segment.dead}
        return keys | {one.file.key for one in self.expired}


def checksum(data: bytes | memoryview) -> str:
    """Detects damage at memory speed; it is no protection against forgery."""
    return xxhash.xxh3_128_hexdigest(data)


def encode_manifest(manifest: Manifest) -> bytes:
    """As JSON."""
    return orjson.dumps(
        {
            "format": _FORMAT_WITH_ROWS
            if any(ROWS_FILE in segment.files for segment in manifest.segments)
            else _FORMAT,
            "partition": str(manifest.partition),
            "sequence": manifest.sequence,
            "watermark": manifest.watermark,
            "segments": [segment_document(segment) for segment in manifest.segments],
            "folded": [str(version) for version in manifest.folded],
            "previous": manifest.previous,
            "created_at_ms": manifest.created_at_ms,
            "confirmed": manifest.previous_released,
            **(_expired_document(manifest) if manifest.expired_through else {}),
        }
    )


def decode_manifest(data: bytes) -> Manifest:
    """Read it back. Raises Corrupted."""
    try:
        document = orjson.loads(data)
        if document["format"] not in (_FORMAT, _FORMAT_WITH_ROWS):
            raise Corrupted(
                f"The manifest has format {document['format']}; this version reads up to {_FORMAT_WITH_ROWS}.",
                hint="Use the version of QuartzDB that wrote the data, or a newer one.",
            )
        return Manifest(
            partition=Partition.parse(document["partition"]),
            sequence=document["sequence"],
            watermark=document["watermark"],
            segments=tuple(
                _dated(parse_segment(segment), document["created_at_ms"]) for segment in document["segments"]
            ),
            folded=tuple(Version.parse(text) for text in document["folded"]),
            previous=document["previous"],
            created_at_ms=document["created_at_ms"],
            previous_released=document["confirmed"],
            **_parse_expired(document.get("expired")),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupted("A manifest cannot be decoded.", hint="Run `quartzdb verify`.") from error


def segment_document(segment: SegmentRef) -> dict[str, Any]:
    """One segment as JSON values."""
    shape = segment.shape
    return {
        "name": segment.name,
        "rows": shape.rows,
        "dimension": shape.dimension,
        "precision": shape.precision,
        "metric": shape.metric,
        "engine": shape.engine,
        "parameters": dict(shape.parameters),
        "tombstones": segment.tombstones,
        "files": {name: _file_document(file) for name, file in segment.files.items()},
        "dead": _file_document(segment.dead) if segment.dead else None,
        "dead_rows": segment.dead_rows,
        "dead_since_ms": segment.dead_since_ms,
        **({"expiring": segment.expiring} if segment.expiring else {}),
    }


def parse_segment(document: Mapping[str, Any]) -> SegmentRef:
    """Read it back. Raises ValueError, KeyError or TypeError."""
    shape = SegmentShape(
        rows=document["rows"],
        dimension=document["dimension"],
        precision=Precision(document["precision"]),
        metric=Metric(document["metric"]),
        engine=document["engine"],
        parameters=document["parameters"],
    )
    return SegmentRef(
        name=document["name"],
        shape=shape,
        tombstones=document["tombstones"],
        files={name: FileRef(**file) for name, file in document["files"].items()},
        dead=FileRef(**document["dead"]) if document["dead"] else None,
        dead_rows=document["dead_rows"],
        dead_since_ms=document.get("dead_since_ms"),
        expiring=tuple((int(moment), int(rows)) for moment, rows in document.get("expiring", ())),
    )


def _expired_document(manifest: Manifest) -> dict[str, Any]:
    files = [[_file_document(one.file), one.after, one.through, one.count] for one in manifest.expired]
    return {"expired": {"files": files, "through": manifest.expired_through, "floor": manifest.expired_floor}}


def _parse_expired(document: Mapping[str, Any] | None) -> dict[str, Any]:
    if document is None:
        return {}
    return {
        "expired": tuple(
            ExpiredRef(FileRef(**file), int(after), int(through), int(count))
            for file, after, through, count in document["files"]
        ),
        "expired_through": int(document["through"]),
        "expired_floor": int(document["floor"]),
    }


def _file_document(file: FileRef) -> dict[str, Any]:
    return {"key": file.key, "size": file.size, "checksum": file.checksum}


def _dated(segment: SegmentRef, manifest_ms: int) -> SegmentRef:
    """A manifest of an earlier release does not say since when rows are dead: at the latest since its own time."""
    undated = segment.dead_since_ms is None and (segment.dead_rows or segment.tombstones)
    return replace(segment, dead_since_ms=manifest_ms) if undated else segment
