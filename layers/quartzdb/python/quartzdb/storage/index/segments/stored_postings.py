"""The files of an inverted index as its reader wants them: mapped on this machine, or fetched as they are needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quartzdb.storage.index.segments.mapped_file import array_of
from quartzdb.storage.index.segments.partial_file import PartialFile
from quartzdb.storage.index.segments.segment_files import INVERTED_FILE, POSTINGS_FILE, SegmentFiles
from quartzdb.storage.index.text.inverted_file import InvertedFile
from quartzdb.storage.index.text.inverted_head import InvertedHead
from quartzdb.storage.index.text.postings import damaged


class MappedPostings:
    """StoredBytes of this machine."""

    def __init__(self, content: npt.NDArray[np.uint8]) -> None:
        self._content = content.data

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Everything is here already."""

    def read(self, start: int, length: int) -> memoryview:
        return self._content[start : start + length]


class FetchedPostings:
    """StoredBytes of a file that lies elsewhere."""

    def __init__(self, file: PartialFile) -> None:
        self._file = file

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        places = np.array([one for one in ranges if one[1]], dtype=np.int64).reshape(-1, 2)
        if places.size and (places.sum(axis=1) > self._file.size).any():
            raise damaged("it ends before what it should have")
        self._file.expect_ranges(places[:, 0], places[:, 1])

    def read(self, start: int, length: int) -> memoryview:
        return memoryview(self._file.read(start, length))


def opened_inverted(files: SegmentFiles, rows: int) -> InvertedFile:
    """That of a segment which has one. Raises Corrupted, BlobMissing."""
    head = InvertedHead.decode(files.engine_file(INVERTED_FILE).read_bytes())
    if head.rows != rows:
        raise damaged(f"it is of {head.rows} rows, not of {rows}")
    file = files.partial(POSTINGS_FILE)
    if file is not None:
        files.wait_for_postings()
        return InvertedFile(head, FetchedPostings(file))
    path = files.whole(POSTINGS_FILE)
    return InvertedFile(head, MappedPostings(array_of(path, "u1", (path.stat().st_size,))))
