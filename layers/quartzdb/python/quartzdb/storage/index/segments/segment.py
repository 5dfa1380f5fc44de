"""A segment: immutable files that hold records and one index over their vectors. Read-only, never written again."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from quartzdb.domain.merge import RecordState
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Precision
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.engines.port import Index
from quartzdb.storage.index.engines.registry import engine_named, shortens_scans
from quartzdb.storage.index.executor import Executor
from quartzdb.storage.index.expiries import NO_EXPIRIES, Expiries, expiries_of
from quartzdb.storage.index.segments.fetched_records import RecordPages, fetched_records
from quartzdb.storage.index.segments.mapped_file import array_of
from quartzdb.storage.index.segments.partial_file import PartialFile
from quartzdb.storage.index.segments.records import (
    SegmentRecords,
    decode_metadata,
    decode_patches,
    tombstone_state,
)
from quartzdb.storage.index.segments.row_file import RowFile
from quartzdb.storage.index.segments.segment_files import (
    INVERTED_FILE,
    NORMS_FILE,
    RECORDS_FILE,
    ROWS_FILE,
    VECTORS_FILE,
    EngineFiles,
    LocalFiles,
    SegmentFiles,
)
from quartzdb.storage.index.segments.segment_header import SegmentHeader
from quartzdb.storage.index.segments.stored_record import StoredRecord
from quartzdb.storage.index.segments.stored_vectors import FetchedVectors, MappedVectors, StoredVectors

if TYPE_CHECKING:
    from quartzdb.storage.index.text.inverted_file import InvertedFile


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
    """An opened segment. Thread-safe. `expires_from_ms` is the moment of the row that expires first, None for none."""

    def __init__(
        self, name: str, shape: SegmentShape, files: SegmentFiles, *, expires_from_ms: int | None = None
    ) -> None:
        self.name = name
        self.shape = shape
        self.expires_from_ms = expires_from_ms
        self._files = files
        self.records, self.vectors = _opened(shape, files)
        self._index: Index | None = None
        self._inverted: InvertedFile | None = None
        self._expiries: Expiries | None = None
        self._opening = threading.Lock()

    @property
    def index(self) -> Index:
        """The engine's index, fetched and opened when it is first needed: a read by id does not pay for it.

        Raises Corrupted, and BlobMissing where the segment was superseded and swept before that.
        """
        if self._index is None:
            with self._opening:
                if self._index is None:
                    files = EngineFiles(self._files)
                    self._index = engine_named(self.shape.engine).open(
                        files, self.shape.parameters, self.vectors, self.shape.metric
                    )
        return self._index

    @property
    def scan_index(self) -> Index | None:
        """The index, where it shortens scans (`Index.exactly`) and nothing is fetched for that. Raises Corrupted."""
        here = isinstance(self.vectors, MappedVectors)
        return self.index if here and shortens_scans(self.shape.engine, self.shape.parameters) else None

    @property
    def has_inverted(self) -> bool:
        """Whether some field was searched when it was written."""
        return INVERTED_FILE in self._files.names

    @property
    def inverted(self) -> InvertedFile | None:
        """The inverted index, opened when it is first needed; None where no field was searched when it was written.

        Raises Corrupted and BlobMissing, as `index`.
        """
        if self._inverted is None and INVERTED_FILE in self._files.names:
            with self._opening:
                if self._inverted is None:
                    # Imported only where a namespace has text.
                    from quartzdb.storage.index.segments.stored_postings import opened_inverted

                    self._inverted = opened_inverted(self._files, self.shape.rows)
        return self._inverted

    @property
    def execute(self) -> Executor:
        """How fetches of several segments are waited for at once."""
        return self._files.execute

    @property
    def expiries(self) -> Expiries:
        """Its rows that expire, read once: 16 bytes for each of them. Raises as `index` does."""
        if self.expires_from_ms is None:
            return NO_EXPIRIES
        if self._expiries is None:
            # Two threads that come together both read it, and neither waits.
            self._expiries = expiries_of(self.records.fields)
        return self._expiries

    @property
    def damage(self) -> Exception | None:
        """The Corrupted or BlobMissing that reading it has raised since it was opened."""
        return self._files.damage

    def whole(self) -> Segment:
        """The same segment with every file on this machine: for whoever is going to read all of it."""
        if self._files.partial(VECTORS_FILE) is None:
            return self
        files = LocalFiles({name: self._files.whole(name) for name in self._files.names})
        return Segment(self.name, self.shape, files, expires_from_ms=self.expires_from_ms)

    def located(self, ids: Sequence[str]) -> Iterable[tuple[str, int | None, RecordState]]:
        """(id, row, state) for each of `ids` that this segment has; row None for a tombstone."""
        records = list(self.records.with_ids(ids).values())
        for record, state in zip(records, self._states(records), strict=True):
            yield record.id, record.row, state
        for record_id, tombstone in self.records.tombstones_with_ids(ids).items():
            yield record_id, None, tombstone_state(tombstone)

    def _states(self, records: Sequence[StoredRecord]) -> list[RecordState]:
        """Stored records as states that can be merged."""
        rows = np.array([record.row for record in records], dtype=np.int64)
        self.vectors.expect(rows)
        vectors, _ = self.vectors.gather(rows)
        states: list[RecordState] = []
        for record, vector in zip(records, vectors.astype(np.float32), strict=True):
            patches = decode_patches(record.patches)
            metadata = decode_metadata(record.metadata)
            base = {name: value for name, value in metadata.items() if name not in patches}
            states.append(RecordState(record.version, vector, base, patches))
        return states


def _opened(shape: SegmentShape, files: SegmentFiles) -> tuple[SegmentRecords, StoredVectors]:
    dtype = "<f4" if shape.precision is Precision.F32 else "<f2"
    vectors, norms, stored = (files.partial(name) for name in (VECTORS_FILE, NORMS_FILE, RECORDS_FILE))
    if vectors is None or norms is None or stored is None or files.header is None:
        mapped = MappedVectors(
            array_of(files.whole(VECTORS_FILE), dtype, (shape.rows, shape.dimension)),
            array_of(files.whole(NORMS_FILE), "<f4", (shape.rows,)),
        )
        row_file = partial(RowFile.of_file, files.whole(ROWS_FILE)) if ROWS_FILE in files.names else None
        return SegmentRecords.of_file(
            files.whole(RECORDS_FILE), shape.rows, row_file, held=files.held
        ), mapped
    pages = RecordPages(stored, files.header, _fetched_rows(files, files.header))
    fetched = FetchedVectors(vectors, norms, (shape.rows, shape.dimension), dtype, pages.rows, files.execute)
    return fetched_records(pages, shape.rows, fetched), fetched


def _fetched_rows(files: SegmentFiles, header: SegmentHeader) -> PartialFile | bytes | None:
    if ROWS_FILE not in files.names:
        return None
    packed = header.packed.get(ROWS_FILE)
    return files.partial(ROWS_FILE) if packed is None else packed
