"""A segment's records read in parts: what is about to be read is fetched side by side before it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quartzdb.domain.vector import Rows
from quartzdb.storage.index.segments.partial_file import PartialFile
from quartzdb.storage.index.segments.records import SegmentRecords
from quartzdb.storage.index.segments.row_file import RowFile, RowPlaces
from quartzdb.storage.index.segments.segment_header import SegmentHeader
from quartzdb.storage.index.segments.stored_vectors import StoredVectors

_WHOLE_SHARE = 0.25
"""Of the pages of all ids: whoever looks for so many of them is going to read most of the file."""


class RecordPages:
    """Brings the pages of records.sqlite that SQLite is going to read, and those of rows.

    `row_file`: the file of rows, whole where the header has it; None for a segment of before there was one. Raises
    Corrupted.
    """

    def __init__(
        self, file: PartialFile, header: SegmentHeader, row_file: PartialFile | bytes | None = None
    ) -> None:
        self.file = file
        self.header = header
        self._row_file = row_file
        self._places: RowPlaces | None = None
        if row_file is not None:
            size = len(row_file) if isinstance(row_file, bytes) else row_file.size
            self._places = RowPlaces.decode(header.end_of_rows or b"", size)

    def rows(self, rows: Sequence[int] | Rows) -> None:
        """Those of these rows."""
        if self._places is None:
            self._bring(self.header.places.pages_of(rows))
        elif isinstance(self._row_file, PartialFile):
            numbers: Sequence[int] = rows.tolist() if isinstance(rows, np.ndarray) else rows
            self._row_file.expect_ranges(*self._places.pages_of(numbers))

    def open_rows(self, writers: Mapping[int, str]) -> RowFile:
        """The file of rows, where there is one."""
        assert self._places is not None, "a segment of before has none"
        assert self._row_file is not None, "places are of a file"
        content = memoryview(self._row_file) if isinstance(self._row_file, bytes) else self._row_file
        return RowFile(self._places, content, writers)

    @property
    def has_rows(self) -> bool:
        """Whether there is one."""
        return self._places is not None

    def ids(self, ids: Sequence[str]) -> None:
        """Those of these ids in their index."""
        leaves = self.header.leaves
        pages = leaves.pages_of(ids)
        if pages.size > max(1, _WHOLE_SHARE * len(leaves.firsts)):
            self.file.expect_all()
        else:
            self._bring(pages)

    def _bring(self, pages: Rows) -> None:
        if pages.size:
            page_bytes = self.header.places.page_bytes
            self.file.expect(pages * page_bytes, page_bytes)


class RecordsAhead:
    """What Records tells before it reads (ReadAhead). With records that are looked up by id come vectors."""

    def __init__(self, pages: RecordPages, vectors: StoredVectors) -> None:
        self._pages = pages
        self._vectors = vectors

    def rows(self, rows: Sequence[int]) -> None:
        self._pages.rows(rows)

    def ids(self, ids: Sequence[str]) -> Sequence[str]:
        wanted = self._pages.header.ids.may_have(ids)
        if wanted:
            self._pages.ids(wanted)
        return wanted

    def found(self, rows: Sequence[int]) -> None:
        if rows:
            self._vectors.expect(np.array(rows, dtype=np.int64))
            self._pages.rows(rows)


def fetched_records(pages: RecordPages, rows: int, vectors: StoredVectors) -> SegmentRecords:
    """Records over a file that lies elsewhere."""
    # Its module imports apsw, which a database on one machine never needs.
    from quartzdb.storage.index.segments.partial_sqlite import connect

    pages.header.place_first_pages(pages.file)
    row_file = pages.open_rows if pages.has_rows else None
    return SegmentRecords(connect(pages.file), rows, row_file, ahead=RecordsAhead(pages, vectors))
