"""records.sqlite read in parts: what SQLite is about to read is fetched side by side before it reads it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quartzdb.domain.vector import Rows
from quartzdb.storage.index.segments.partial_file import PartialFile
from quartzdb.storage.index.segments.records import SegmentRecords
from quartzdb.storage.index.segments.segment_header import SegmentHeader
from quartzdb.storage.index.segments.stored_vectors import StoredVectors

_WHOLE_SHARE = 0.25
"""Of the pages of all ids: whoever looks for so many of them is going to read most of the file."""


class RecordPages:
    """Brings the pages of records.sqlite that SQLite is going to read."""

    def __init__(self, file: PartialFile, header: SegmentHeader) -> None:
        self.file = file
        self.header = header

    def rows(self, rows: Sequence[int] | Rows) -> None:
        """Those of these rows."""
        self._bring(self.header.places.pages_of(rows))

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
    return SegmentRecords(connect(pages.file), rows, ahead=RecordsAhead(pages, vectors))
