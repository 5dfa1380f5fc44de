"""`rows`: id, version, metadata and patches of each record of a segment, found by its row without a search on disk.

A file of pages, then of each page the first row in it, then how much there is of all that. A page has an entry for each
of its rows and then what the entries point to, so one page is all that a row needs. A record that is longer than a page
has as many in a row as it takes, alone.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.hlc import Version
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Rows
from quartzdb.storage.index.segments.mapped_file import array_of
from quartzdb.storage.index.segments.partial_file import BLOCK_BYTES, PartialFile
from quartzdb.storage.index.segments.stored_record import PackedRecord, StoredRecord

PAGE_BYTES = BLOCK_BYTES
"""What a reader of parts fetches and checks at once."""
_ENTRY = struct.Struct("<QHHHH")
"""The version's stamp; where in the page the id begins, and then metadata; bytes of metadata, of the id; the writer."""
_ENTRY_BYTES = _ENTRY.size
_LONG = 1 << 15
"""Set in the bytes of an id where the entry has no room for the other numbers: they stand before the id."""
_LONG_ENTRY = struct.Struct("<III")
"""Bytes of metadata and of patches, and the number of the writer."""
_END = struct.Struct("<8sIIII")
"""Magic, format, bytes of a page, pages, rows."""
_MAGIC = b"QDB rows"
_FORMAT = 1
_SHORT_MAX = (1 << 16) - 1


class RowFileWriter:
    """Writes the file; rows in order, from 0. Not whole before `finish`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._firsts = array("I")
        self._entries: list[tuple[int, int, int, int]] = []
        self._data: list[bytes] = []
        self._page_bytes = 0
        self._written = 0
        self.rows = 0

    def add(self, record: PackedRecord) -> None:
        """Append the next row."""
        record_id, stamp, writer, metadata, patches = record
        name, shown = record_id.encode(), metadata or b""
        if patches is None and len(shown) <= _SHORT_MAX and writer <= _SHORT_MAX:
            entry, data = (stamp, len(shown), len(name), writer), name + shown
        else:
            behind = patches or b""
            entry = (stamp, 0, len(name) | _LONG, 0)
            data = b"".join((_LONG_ENTRY.pack(len(shown), len(behind), writer), name, shown, behind))
        size = _ENTRY.size + len(data)
        if self._page_bytes + size > PAGE_BYTES:
            self._end_page()
        self._entries.append(entry)
        self._data.append(data)
        self._page_bytes += size
        self.rows += 1

    def finish(self) -> None:
        """Write what is left, and how to find it."""
        self._end_page()
        self._file.write(np.asarray(self._firsts, dtype="<u4").tobytes())
        self._file.write(_END.pack(_MAGIC, _FORMAT, PAGE_BYTES, len(self._firsts), self.rows))
        self._file.close()

    def close(self) -> None:
        """Let go of the file; finished or not."""
        self._file.close()

    def _end_page(self) -> None:
        if not self._entries:
            return
        start = _ENTRY.size * len(self._entries)
        packed = [b"\0" * (len(self._firsts) * PAGE_BYTES - self._written)]
        for (stamp, metadata_bytes, id_bytes, writer), data in zip(self._entries, self._data, strict=True):
            packed.append(_ENTRY.pack(stamp, start, metadata_bytes, id_bytes, writer))
            start += len(data)
        packed += self._data
        content = b"".join(packed)
        self._file.write(content)
        self._written += len(content)
        pages = -(-self._page_bytes // PAGE_BYTES)
        self._firsts.extend([self.rows - len(self._entries)] * pages)
        self._entries, self._data, self._page_bytes = [], [], 0


@dataclass(frozen=True, slots=True, eq=False)
class RowPlaces:
    """Which page has which rows: page i begins with row `firsts[i]`, or goes on with it. `data_bytes`: of all pages."""

    firsts: Sequence[int]
    rows: int
    data_bytes: int

    @classmethod
    def decode(cls, end: bytes, size: int) -> Self:
        """Of the last bytes of a file, as many as `end_of` gives, and the size of all of it. Raises Corrupted."""
        if len(end) < _END.size:
            raise _unreadable("is too short")
        magic, version, page_bytes, pages, rows = _END.unpack_from(end, len(end) - _END.size)
        if magic != _MAGIC:
            raise _unreadable("does not end as it should")
        if (version, page_bytes) != (_FORMAT, PAGE_BYTES):
            raise Corrupted(
                f"A segment's rows have format {version} in pages of {page_bytes} bytes; this version reads "
                f"{_FORMAT} in pages of {PAGE_BYTES}.",
                hint="Use the version of QuartzDB that wrote the data, or a newer one.",
            )
        if len(end) != 4 * pages + _END.size:
            raise _unreadable("has another number of pages than it says")
        data_bytes = size - len(end)
        firsts = np.frombuffer(end, dtype="<u4", count=pages)
        if (
            -(-data_bytes // PAGE_BYTES) != pages
            or bool(rows) != bool(pages)
            or (
                pages
                and (firsts[0] != 0 or firsts[-1] >= rows or (np.diff(firsts.astype(np.int64)) < 0).any())
            )
        ):
            raise _unreadable("has pages that do not fit its rows")
        return cls(firsts.tolist(), rows, data_bytes)

    def page_of(self, row: int) -> tuple[int, int, int]:
        """Where the page (or pages) with a row begins and ends in the file, and which row is its first.

        Raises Corrupted for a row that there is not.
        """
        if not 0 <= row < self.rows:
            raise _unreadable(f"has {self.rows} rows, and row {row} was asked for")
        end = bisect_right(self.firsts, row)
        first = self.firsts[end - 1]
        begin = end - 1 if first != row else bisect_left(self.firsts, row, 0, end)
        return begin * PAGE_BYTES, min(end * PAGE_BYTES, self.data_bytes), first

    def pages_of(self, rows: Iterable[int]) -> tuple[Rows, Rows]:
        """Where the pages with these rows begin, and their lengths."""
        spans = np.array(sorted({self.page_of(row)[:2] for row in rows}), dtype=np.int64).reshape(-1, 2)
        return spans[:, 0], spans[:, 1] - spans[:, 0]


def end_of(path: Path) -> bytes:
    """The last bytes of a finished file, which say where its rows are. Raises Corrupted."""
    with path.open("rb") as file:
        size = path.stat().st_size
        file.seek(max(0, size - _END.size))
        last = file.read()
        if len(last) < _END.size:
            raise _unreadable("is too short")
        *_, pages, _ = _END.unpack(last)  # whether these are such a file's last bytes, who decodes them says
        file.seek(max(0, size - _END.size - 4 * pages))
        return file.read()


class RowFile:
    """Reads the file; `writers` by their numbers. Thread-safe. What lies outside of its page, or is no text, raises
    Corrupted.
    """

    def __init__(
        self, places: RowPlaces, content: memoryview | PartialFile, writers: Mapping[int, str]
    ) -> None:
        self.places = places
        self._writers = writers
        self._view = content if isinstance(content, memoryview) else None
        self._file = None if isinstance(content, memoryview) else content

    @classmethod
    def of_file(cls, path: Path, writers: Mapping[int, str]) -> Self:
        """A file of this machine, mapped. Raises Corrupted."""
        size = path.stat().st_size
        return cls(RowPlaces.decode(end_of(path), size), memoryview(array_of(path, "u1", (size,))), writers)

    def at(self, rows: Sequence[int]) -> list[StoredRecord]:
        """The records of these rows, in their order. Raises Corrupted."""
        view = self._view
        if view is None:
            return [self._fetched_record(row) for row in rows]
        # What a warm query takes of records is spent in this loop, so what is ordinary is done without a further call.
        firsts, data_bytes, row_count = self.places.firsts, self.places.data_bytes, self.places.rows
        writers = self._writers
        unpack, new, found = _ENTRY.unpack_from, tuple.__new__, []
        try:
            for row in rows:
                page = bisect_right(firsts, row) - 1
                first = firsts[page]
                begin = page * PAGE_BYTES
                stamp, start, metadata_bytes, id_bytes, writer = unpack(
                    view, begin + _ENTRY_BYTES * (row - first)
                )
                start += begin
                end = start + id_bytes + metadata_bytes
                if (
                    row >= row_count
                    or first >= row
                    or id_bytes & _LONG
                    or end > begin + PAGE_BYTES
                    or end > data_bytes
                ):
                    found.append(self._mapped_record(row))
                    continue
                data = view[start:end].tobytes()
                version = new(Version, (stamp, writers[writer]))
                metadata = data[id_bytes:] if metadata_bytes else None
                found.append(new(StoredRecord, (row, data[:id_bytes].decode(), version, metadata, None)))
        except (struct.error, IndexError, KeyError, UnicodeDecodeError) as error:
            raise _unreadable("has a row that cannot be read") from error
        return found

    def ids_at(self, rows: Sequence[int]) -> dict[int, str]:
        """The ids of these rows. Raises Corrupted."""
        return {record.row: record.id for record in self.at(rows)}

    def all(self, *, metadata: bool = True) -> Iterator[StoredRecord]:
        """The records of all rows, in order; their metadata comes with them anyway. Raises Corrupted."""
        del metadata
        at = 0
        while at < self.places.rows:
            begin, end, first = self.places.page_of(at)
            page = self._fetched(begin, end) if self._view is None else self._view[begin:end]
            following = bisect_right(self.places.firsts, first)
            last = self.places.firsts[following] if following < len(self.places.firsts) else self.places.rows
            for row in range(first, last):
                yield _record(page, 0, end - begin, row, first, self._writers)
            at = last

    def _mapped_record(self, row: int) -> StoredRecord:
        assert self._view is not None
        begin, end, first = self.places.page_of(row)
        return _record(self._view, begin, end, row, first, self._writers)

    def _fetched_record(self, row: int) -> StoredRecord:
        begin, end, first = self.places.page_of(row)
        return _record(self._fetched(begin, end), 0, end - begin, row, first, self._writers)

    def _fetched(self, begin: int, end: int) -> memoryview:
        assert self._file is not None
        return memoryview(self._file.read(begin, end - begin))


def _record(
    page: memoryview, begin: int, end: int, row: int, first: int, writers: Mapping[int, str]
) -> StoredRecord:
    """A row of the page from `begin` to `end`, whose first row is `first`."""
    at = begin + _ENTRY.size * (row - first)
    if at + _ENTRY.size > end:
        raise _unreadable(f"has no entry for row {row}")
    stamp, start, metadata_bytes, id_bytes, writer = _ENTRY.unpack_from(page, at)
    start += begin
    patches_bytes = 0
    if id_bytes & _LONG:
        id_bytes &= ~_LONG
        if start + _LONG_ENTRY.size > end:
            raise _unreadable(f"has row {row} outside of its page")
        metadata_bytes, patches_bytes, writer = _LONG_ENTRY.unpack_from(page, start)
        start += _LONG_ENTRY.size
    metadata_at = start + id_bytes
    patches_at = metadata_at + metadata_bytes
    if patches_at + patches_bytes > end:
        raise _unreadable(f"has row {row} outside of its page")
    try:
        record_id = str(page[start:metadata_at], "utf-8")
        version = Version(stamp, writers[writer])
    except (UnicodeDecodeError, KeyError) as error:
        raise _unreadable(f"has no readable id or writer for row {row}") from error
    metadata = bytes(page[metadata_at:patches_at]) if metadata_bytes else None
    patches = bytes(page[patches_at : patches_at + patches_bytes]) if patches_bytes else None
    return StoredRecord(row, record_id, version, metadata, patches)


def _unreadable(what: str) -> Corrupted:
    return Corrupted(f"A segment's file of rows {what}.", hint="Run `quartzdb verify`.")
