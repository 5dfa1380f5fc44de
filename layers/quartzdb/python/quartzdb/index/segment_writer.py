"""Writing a segment: vectors and records stream in, one engine's index is built over them at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import orjson

from quartzdb.domain.merge import RecordState
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Precision
from quartzdb.domain.vector import Mask, Matrix, norms_of
from quartzdb.index.engines.registry import choose, engine_named
from quartzdb.index.records import RecordsWriter, encode_patches
from quartzdb.index.segment import NORMS_FILE, RECORDS_FILE, VECTORS_FILE, Segment, SegmentShape

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
        for record in segment.records.everything():
            if alive[record.row]:
                self._records.add(record.id, record.version, record.metadata, record.patches)
        rows = np.flatnonzero(alive)
        for start in range(0, len(rows), _COPY_ROWS):
            self._write_vectors(segment.vectors[rows[start : start + _COPY_ROWS]])

    def finish(self, choice: EngineChoice, *, seed: int, threads: int) -> tuple[SegmentShape, list[str]]:
        """Build the index and close. Returns the segment's shape and the names of its files."""
        self._vectors.close()
        self._norms.close()
        self._records.finish()
        names = [VECTORS_FILE, NORMS_FILE, RECORDS_FILE]
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
