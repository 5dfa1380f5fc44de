"""Writing a segment: vectors and records stream in, one engine's index is built over them at the end.

The engine says in which order rows should lie, so until then they wait in files beside those that are published.
"""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import orjson

from quartzdb.domain.merge import RecordState
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Precision
from quartzdb.domain.text_fields import TextField
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Matrix, Rows, norms_of
from quartzdb.storage.index.engines.port import BuiltIndex
from quartzdb.storage.index.engines.registry import choose, engine_named, read_in_parts
from quartzdb.storage.index.expiries import Steps, steps_of
from quartzdb.storage.index.segments.record_spool import RecordSpool
from quartzdb.storage.index.segments.records import RecordsWriter, encode_patches
from quartzdb.storage.index.segments.segment import Segment, SegmentShape
from quartzdb.storage.index.segments.segment_files import (
    HEADER_FILE,
    INVERTED_FILE,
    NORMS_FILE,
    PARTLY_READ,
    POSTINGS_FILE,
    RECORDS_FILE,
    ROWS_FILE,
    VECTORS_FILE,
)
from quartzdb.storage.index.segments.segment_header import PACKED_BYTES_MAX, SegmentHeader

_COPY_ROWS = 4096
_UNORDERED = "unordered"
"""Directory of what waits for its order."""


@dataclass(frozen=True, slots=True, eq=False)
class WrittenSegment:
    """A segment whose files are complete. Row i is what was added as row `order[i]`; None: rows lie as added."""

    shape: SegmentShape
    files: Sequence[str]
    order: Rows | None
    expiring: Steps = ()


class SegmentWriter:
    """Builds one segment in a directory of its own. Which row becomes which number, the engine decides.

    `read_in_parts`: it will be read from elsewhere, so what such a reader begins with is written beside it. `text` and
    `sparse` are the metadata fields that are searched: with any, an inverted index over them is written, too.
    """

    def __init__(
        self,
        directory: Path,
        dimension: int,
        metric: Metric,
        precision: Precision,
        *,
        read_in_parts: bool = True,
        text: Mapping[str, TextField] | None = None,
        sparse: Sequence[str] = (),
    ) -> None:
        self._unordered = directory / _UNORDERED
        self._unordered.mkdir(parents=True)
        self._directory = directory
        self._dimension = dimension
        self._metric = metric
        self._precision = precision
        self._dtype = np.dtype("<f4" if precision is Precision.F32 else "<f2")
        self._read_in_parts = read_in_parts
        self._text = text or {}
        self._sparse = sparse
        self._vectors = (self._unordered / VECTORS_FILE).open("wb")
        self._spool = RecordSpool(self._unordered / RECORDS_FILE)
        self._records = RecordsWriter(directory / RECORDS_FILE, directory / ROWS_FILE)
        self._moments = array("q")

    def close(self) -> None:
        """Let go of the files; finished or not. All of them, also where one cannot write what it still has."""
        with ExitStack() as closing:
            for file in (self._records, self._spool, self._vectors):
                closing.callback(file.close)

    @property
    def rows(self) -> int:
        """Records with a vector so far."""
        return len(self._spool)

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
        self._spool.add(
            record_id,
            state.base.stamp,
            self._records.writer_number(state.base.writer),
            orjson.dumps(metadata) if metadata else None,
            encode_patches(state.patches),
        )
        if state.expires_at_ms is not None:
            self._moments.append(state.expires_at_ms)
        self._add_vectors(state.vector[None, :])

    def copy(self, segment: Segment, alive: Mask) -> None:
        """Carry the live rows of another segment over, bytes unchanged."""
        segment = segment.whole()
        for record in segment.records.all_rows():
            if alive[record.row]:
                stamp, writer = record.version
                number = self._records.writer_number(writer)
                self._spool.add(record.id, stamp, number, record.metadata, record.patches)
        rows = np.flatnonzero(alive)
        if segment.expires_from_ms is not None:
            moments = segment.expiries.by_row(segment.shape.rows)[rows]
            self._moments.extend(moments[moments > 0].tolist())
        for start in range(0, len(rows), _COPY_ROWS):
            self._add_vectors(segment.vectors.gather(rows[start : start + _COPY_ROWS])[0])

    def finish(self, choice: EngineChoice, *, seed: int, threads: int) -> WrittenSegment:
        """Build the index, put everything in its order, and close."""
        self._vectors.close()
        # Without vectors there is nothing to index.
        engine = choose(choice if self._dimension else EngineChoice.EXACT, self.rows)
        built = BuiltIndex(files=(), parameters={})
        if self.rows:
            built = engine_named(engine).build(
                self._added_vectors(), self._metric, self._directory, seed=seed, threads=threads
            )
        self._write_vectors(built.order)
        self._records.add(self._spool.read(range(self.rows) if built.order is None else built.order.tolist()))
        self._records.end_rows()
        inverted = self._write_inverted()
        self._records.finish()
        shutil.rmtree(self._unordered)
        files = [*PARTLY_READ, ROWS_FILE, *inverted, *built.files]
        if self._read_in_parts:
            files.append(HEADER_FILE)
            self._write_header(engine, built, inverted)
        shape = SegmentShape(
            self.rows, self._dimension, self._precision, self._metric, engine, dict(built.parameters)
        )
        return WrittenSegment(shape, files, built.order, steps_of(self._moments))

    def _write_inverted(self) -> Sequence[str]:
        """The inverted index, in the order of the rows that are written; its files, none where no field is searched."""
        if not self._text and not self._sparse:
            return ()
        # Imported only where a namespace has text.
        from quartzdb.storage.index.text.inverted_writer import InvertedWriter

        waiting = self._unordered / INVERTED_FILE
        waiting.mkdir()
        writer = InvertedWriter(
            self._directory / INVERTED_FILE,
            self._directory / POSTINGS_FILE,
            waiting,
            self._text,
            self._sparse,
        )
        try:
            for metadata in self._records.metadata():
                writer.add(metadata)
            writer.finish()
        finally:
            writer.close()
        return INVERTED_FILE, POSTINGS_FILE

    def _write_header(self, engine: str, built: BuiltIndex, inverted: Sequence[str]) -> None:
        in_parts = [name for name in inverted if name == POSTINGS_FILE]
        packed = [name for name in (ROWS_FILE, *built.files, *inverted) if name not in in_parts]
        small = [name for name in packed if (self._directory / name).stat().st_size <= PACKED_BYTES_MAX]
        header = SegmentHeader.of(
            self._directory,
            RECORDS_FILE,
            ROWS_FILE,
            (*PARTLY_READ, ROWS_FILE, *in_parts, *read_in_parts(engine, built.parameters)),
            small,
        )
        (self._directory / HEADER_FILE).write_bytes(header.encode())

    def _added_vectors(self) -> Matrix:
        """As they were added, mapped."""
        shape = (self.rows, self._dimension)
        if not self._dimension:
            return np.empty(shape, self._dtype)  # an empty file cannot be mapped
        return np.asarray(np.memmap(self._unordered / VECTORS_FILE, dtype=self._dtype, mode="r", shape=shape))

    def _write_vectors(self, order: Rows | None) -> None:
        """The vectors in this order, block by block, and their lengths."""
        vectors = self._added_vectors() if self.rows else np.empty((0, self._dimension), self._dtype)
        with (
            (self._directory / NORMS_FILE).open("wb") as norms,
            (self._directory / VECTORS_FILE).open("wb") as ordered,
        ):
            for start in range(0, self.rows, _COPY_ROWS):
                block = slice(start, start + _COPY_ROWS)
                rows = vectors[block] if order is None else vectors.take(order[block], axis=0)
                # Lengths of what is stored, not of what was given: under f16 the two differ, and scores must match the
                # rows.
                norms.write(norms_of(rows).astype("<f4").tobytes())
                if order is not None:
                    ordered.write(rows.data)
        if order is None:
            (self._unordered / VECTORS_FILE).replace(self._directory / VECTORS_FILE)

    def _add_vectors(self, vectors: Matrix) -> None:
        self._vectors.write(np.ascontiguousarray(vectors, dtype=self._dtype).data)
