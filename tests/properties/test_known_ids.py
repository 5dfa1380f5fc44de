"""What a segment says of ids before its records are read: never that one is absent which is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from quartzdb.storage.index.fields.id_filter import IdFilter
from quartzdb.storage.index.segments.fetched_records import RecordPages
from quartzdb.storage.index.segments.id_leaves import IdLeaves
from quartzdb.storage.index.segments.partial_file import FetchedMemory, PartialFile, sums_of_file
from quartzdb.storage.index.segments.partial_sqlite import connect
from quartzdb.storage.index.segments.records import RecordsWriter
from quartzdb.storage.index.segments.segment_header import SegmentHeader

IDS = st.sets(st.text("abcdef/-", min_size=1, max_size=40), max_size=200)


@given(IDS, IDS)
def test_an_id_that_is_there_always_may_be(there: set[str], strangers: set[str]) -> None:
    """And of strangers few may be."""
    known = IdFilter.of(there, len(there))
    assert set(known.may_have(sorted(there))) == there
    assert set(known.may_have(sorted(strangers))) <= strangers
    assert IdFilter.of((), 0).may_have(sorted(strangers)) == []


def test_few_strangers_are_taken_for_ids_that_are_there() -> None:
    """Some one in a hundred."""
    known = IdFilter.of((f"record-{n:08d}" for n in range(20_000)), 20_000)
    assert len(known.may_have([f"stranger-{n}" for n in range(10_000)])) < 200


@settings(max_examples=5)
@given(st.integers(3, 60), st.integers(0, 10**6))
def test_look_ups_read_what_was_fetched_for_them(length: int, seed: int) -> None:
    """The pages that hold the ids, named beforehand: looking them up in their index fetches nothing more.

    Of ids so long that their index is three pages deep, some take one more fetch.
    """
    ids = [f"{(n * 7_919 + seed) % 100_003:06d}{'x' * (length - 3)}" for n in range(9_000)]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "records.sqlite"
        rows_path = Path(directory) / "rows"
        writer = RecordsWriter(path, rows_path)
        number = writer.writer_number("w")
        writer.add((one, 1, number, None, None) for one in ids)
        writer.end_rows()
        writer.finish()
        written = SegmentHeader.of(Path(directory), path.name, rows_path.name, (path.name,), ())
        header = SegmentHeader.decode(written.encode())
        content = path.read_bytes()
        fetched: list[tuple[int, int]] = []

        def fetch(ranges: Sequence[tuple[int, int]]) -> Sequence[bytes]:
            fetched.extend(ranges)
            return [content[start : start + size] for start, size in ranges]

        file = PartialFile("records", len(content), lambda: sums_of_file(path), fetch, FetchedMemory(10**9))
        pages = RecordPages(file, header)
        header.place_first_pages(file)
        assert not fetched
        wanted = ids[:: len(ids) // 20]
        pages.ids(wanted)
        before = len(fetched)
        assert before >= 1
        marks = ",".join("?" * len(wanted))
        found = connect(file).execute(f"SELECT row FROM ids WHERE id IN ({marks})", wanted).fetchall()
        assert sorted(row for (row,) in found if isinstance(row, int)) == sorted(
            ids.index(one) for one in wanted
        )
        assert len(fetched) == before


def test_there_may_be_no_ids() -> None:
    """A segment of nothing names no page."""
    assert IdLeaves((), np.empty(0, dtype=np.int64)).pages_of(["a"]).size == 0
