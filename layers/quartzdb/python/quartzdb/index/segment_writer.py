"""Writing a segment: vectors and records stream in, one engine's index is built over them at the end."""

from __future__ import annotations

import mmap
from pathlib import Path

import numpy as np
import orjson

from quartzdb.domain.merge import RecordState
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Precision
from quartzdb.domain.vector import Mask, Matrix, norms_of
from quartzdb.index.engines.registry import choose, engine_named
from quartzdb.index.partial_file import block_sums
from quartzdb.index.records import RecordsWriter, encode_patches
from quartzdb.index.records_map import RecordsMap
from quartzdb.index.segment import Segment, SegmentShape
from quartzdb.index.segment_files import (
    NORMS_FILE,
    PARTLY_READ,
    RECORDS_FILE,
    RECORDS_MAP_FILE,
    SUMS_FILE,
    VECTORS_FILE,
)

_COPY_ROWS = 4096


class SegmentWriter:
    """Builds one segment in a directory of its own. Rows keep the order in which they were added."""

    def __init__(self, directory: Path, dimension: int, metric: Metric, precision: Precision) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._dimension = dimension
        self._metric = metric
        self._precision = precision
        self._dtype = np.dtype("<f4" if precision is Precision.F32 else "<f2")
        self._vectors = (directory / VECTORS_FILE).open("wb")
        self._norms = (directory / NORMS_FILE).open("wb")
        self._records = RecordsWriter(directory / RECORDS_FILE)

    def close(self) -> None:
        """Let go of the files; finished or not."""
        self._vectors.close()
        self._norms.close()
        self._records.close()

    @property
    def rows(self) -> int:
        """Records with a vector so far."""
        return self._records.rows

    @property
    def tombstones(self) -> int:
        """Ids without a vector so far."""
        return self._records.tombstones

    def add(self, record_id: str, state: RecordState) -> None:
        """Add what is known of one id."""
        if state.vector is None:
            self._records.add_tombstone(record_id, state.base, encode_patches(state.patches))
            return
        metadata = state.visible_metadata()
        self._records.add(
            record_id, state.base, orjson.dumps(metadata) if metadata else None, encode_patches(state.patches)
        )
        self._write_vectors(state.vector[None, :])

    def copy(self, segment: Segment, alive: Mask) -> None:
        """Carry the live rows of another segment over, bytes unchanged."""
        segment = segment.whole()
        for record in segment.records.everything():
            if alive[record.row]:
                self._records.add(record.id, record.version, record.metadata, record.patches)
        rows = np.flatnonzero(alive)
        for start in range(0, len(rows), _COPY_ROWS):
            self._write_vectors(segment.vectors.gather(rows[start : start + _COPY_ROWS])[0])

    def finish(self, choice: EngineChoice, *, seed: int, threads: int) -> tuple[SegmentShape, list[str]]:
        """Build the index and close. Returns the segment's shape and the names of its files."""
        self._vectors.close()
        self._norms.close()
        self._records.finish()
        (self._directory / RECORDS_MAP_FILE).write_bytes(
            RecordsMap.of(self._directory / RECORDS_FILE).encode()
        )
        (self._directory / SUMS_FILE).write_bytes(
            b"".join(_sums(self._directory / name) for name in PARTLY_READ)
        )
        names = [*PARTLY_READ, RECORDS_MAP_FILE, SUMS_FILE]
        engine = choose(choice, self.rows)
        parameters = {}
        if self.rows:
            vectors: Matrix = np.memmap(
                self._directory / VECTORS_FILE,
                dtype=self._dtype,
                mode="r",
                shape=(self.rows, self._dimension),
            )
            built = engine_named(engine).build(
                vectors, self._metric, self._directory, seed=seed, threads=threads
            )
            names += built.files
            parameters = dict(built.parameters)
        shape = SegmentShape(self.rows, self._dimension, self._precision, self._metric, engine, parameters)
        return shape, names

    def _write_vectors(self, vectors: Matrix) -> None:
        stored = np.ascontiguousarray(vectors, dtype=self._dtype)
        self._vectors.write(stored.tobytes())
        # Lengths of what is stored, not of what was given: under f16 the two differ, and scores must match the rows.
        self._norms.write(norms_of(stored).astype("<f4").tobytes())


def _sums(path: Path) -> bytes:
    if path.stat().st_size == 0:
        return b""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
    ):
        return block_sums(view).tobytes()
