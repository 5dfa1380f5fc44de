"""A segment: immutable files that hold records and one index over their vectors. Read-only, never written again."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.merge import RecordState
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Precision
from quartzdb.domain.vector import Floats, Matrix
from quartzdb.index.engines.port import Index
from quartzdb.index.engines.registry import engine_named
from quartzdb.index.records import Records, StoredRecord, decode_metadata, decode_patches, tombstone_state
from quartzdb.ports import BlobMissing

VECTORS_FILE = "vectors"
NORMS_FILE = "norms"
RECORDS_FILE = "records.sqlite"


@dataclass(frozen=True, slots=True)
class SegmentShape:
    """What one must know to open a segment's files."""

    rows: int
    dimension: int
    precision: Precision
    metric: Metric
    engine: str
    parameters: Mapping[str, Any]


class Segment:
    """An opened segment. Thread-safe. `files` are local paths by name, already verified."""

    def __init__(self, name: str, shape: SegmentShape, files: Mapping[str, Path]) -> None:
        self.name = name
        self.shape = shape
        self.records = Records(files[RECORDS_FILE], shape.rows)
        self.vectors: Matrix = _mapped(
            files[VECTORS_FILE],
            "<f4" if shape.precision is Precision.F32 else "<f2",
            (shape.rows, shape.dimension),
        )
        self.norms: Floats = _mapped(files[NORMS_FILE], "<f4", (shape.rows,))
        self._files = files
        self._index: Index | None = None
        self._opening = threading.Lock()

    @property
    def index(self) -> Index:
        """The engine's index, opened when it is first needed: a read by id does not pay for it.

        Raises BlobMissing where the segment was superseded and swept before that.
        """
        if self._index is None:
            with self._opening:
                if self._index is None:
                    for name, path in self._files.items():
                        if not path.exists():
                            raise BlobMissing(f"{self.name}/{name}")
                    self._index = engine_named(self.shape.engine).open(
                        self._files, self.shape.parameters, self.vectors, self.norms, self.shape.metric
                    )
        return self._index

    def state(self, record: StoredRecord) -> RecordState:
        """A stored record as a state that can be merged."""
        patches = decode_patches(record.patches)
        base = {
            name: value for name, value in decode_metadata(record.metadata).items() if name not in patches
        }
        return RecordState(record.version, self.vectors[record.row].astype(np.float32), base, patches)

    def located(self, ids: Sequence[str]) -> Iterable[tuple[str, int | None, RecordState]]:
        """(id, row, state) for each of `ids` that this segment has; row None for a tombstone."""
        for record_id, record in self.records.with_ids(ids).items():
            yield record_id, record.row, self.state(record)
        for record_id, tombstone in self.records.tombstones_with_ids(ids).items():
            yield record_id, None, tombstone_state(tombstone)


def _mapped(path: Path, dtype: str, shape: tuple[int, ...]) -> Any:
    # An empty file cannot be mapped: a segment of tombstones only has no vectors. A plain view of the map, because the
    # memmap subclass costs microseconds at every slice.
    return (
        np.asarray(np.memmap(path, dtype=dtype, mode="r", shape=shape))
        if shape[0]
        else np.empty(shape, dtype)
    )
