"""A segment gives its records back as they were written, in the file of rows and in the layout of before, mapped and
fetched; and whatever becomes of the file of rows, nothing else than what was written is read from it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.hlc import Version
from quartzdb.domain.merge import Patched, RecordState
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Precision
from quartzdb.storage.index.executor import Lazy
from quartzdb.storage.index.segments.partial_file import FetchedMemory
from quartzdb.storage.index.segments.records import decode_metadata, decode_patches
from quartzdb.storage.index.segments.row_file import PAGE_BYTES, RowFile, RowFileWriter
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.index.segments.segment_files import HEADER_FILE, ROWS_FILE, LocalFiles
from quartzdb.storage.index.segments.segment_header import PACKED_BYTES_MAX
from quartzdb.storage.index.segments.segment_writer import SegmentWriter
from quartzdb.storage.snapshot.fetched_files import FetchedFiles
from quartzdb.storage.snapshot.store import SnapshotStore
from tests.doubles.memory_blobs import MemoryBlobs
from tests.manual_clock import ManualClock
from tests.segments_of_before import as_before

WRITERS = {number: f"local.{number}" for number in range(3)} | {70_000: "aws.many"}
LONG = 80_000
"""More bytes of metadata than a short entry can say, and than a page has."""


@dataclass(frozen=True)
class Drawn:
    """One record: how many bytes of metadata and of patches, and by which writer."""

    id: str
    metadata_bytes: int
    patches_bytes: int
    writer: int


ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
drawn = st.lists(
    st.builds(
        Drawn,
        ids,
        st.sampled_from([0, 2, 50, 900, 6_000, PAGE_BYTES - 40, PAGE_BYTES + 1, LONG]) | st.integers(0, 300),
        st.sampled_from([0, 0, 0, 40, LONG]),
        st.sampled_from(list(WRITERS)),
    ),
    max_size=120,
    unique_by=lambda one: one.id,
)


@settings(max_examples=40, phases=[Phase.explicit, Phase.generate])
@given(drawn)
def test_records_come_back_by_their_rows(some: list[Drawn]) -> None:
    """In any order, of any length, up to the last byte."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / ROWS_FILE
        written = write(path, some)
        reader = RowFile.of_file(path, WRITERS)
        assert list(reader.all()) == written
        rows = list(range(len(some)))
        random.Random(len(some)).shuffle(rows)
        assert reader.at(rows) == [written[row] for row in rows]
        for beyond in (-1, len(some)):
            with pytest.raises(Corrupted):
                reader.at([beyond])


def write(path: Path, some: list[Drawn]) -> list[Any]:
    """A file of such records, and what its rows are."""
    writer, rows = RowFileWriter(path), []
    for row, one in enumerate(some):
        metadata = b"m" * one.metadata_bytes or None
        patches = b"p" * one.patches_bytes or None
        stamp = (1 << 62) + row
        writer.add((one.id, stamp, one.writer, metadata, patches))
        rows.append((row, one.id, Version(stamp, WRITERS[one.writer]), metadata, patches))
    writer.finish()
    return rows


def test_a_damaged_file_raises_or_says_what_was_written(tmp_path: Path) -> None:
    """Its checksum is what tells; but no number in it, whichever it is, leads outside of a page or to another error."""
    path = tmp_path / ROWS_FILE
    some = [Drawn(f"r{n}", (n * 37) % 400, 30 if n % 7 == 0 else 0, n % 3) for n in range(120)]
    some.insert(60, Drawn("long", LONG, 0, 70_000))
    write(path, some)
    content, chance = path.read_bytes(), random.Random(5)
    raised = 0
    places = [*range(len(content) - 200, len(content)), *(chance.randrange(len(content)) for _ in range(400))]
    places += [chance.randrange(16 * 60) for _ in range(400)]  # entries of the first page
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(damaged[: len(damaged) - chance.choice([0, 0, 0, 1, 4, 30])]))
        try:
            reader = RowFile.of_file(path, WRITERS)
            read = [*reader.all(), *reader.at(list(range(reader.places.rows)))]
        except Corrupted:
            raised += 1
        else:
            assert all(0 <= one.row <= len(some) for one in read)
    assert raised > 300


def state_of(number: int) -> RecordState:
    """Record number so: some are patched, some expire, some are tombstones; one has more metadata than a page."""
    version = Version((1 << 40) + number, f"here.{number % 4}")
    if number % 40 == 9:
        return RecordState(version)
    patches = {"p": Patched(Version((1 << 41) + number, "there.1"), number)} if number % 6 == 0 else {}
    metadata: dict[str, Any] = {"n": number, "text": "x" * (number % 90)} if number % 5 else {}
    if number == 77:
        metadata["long"] = "y" * 30_000
    vector = np.random.default_rng(number).standard_normal(4).astype(np.float32)
    return RecordState(version, vector, metadata, patches)


def segments(directory: Path, rows: int) -> dict[str, Segment]:
    """One segment in every way: its layout, and whether it is mapped or fetched."""
    found = {}
    for layout in ("now", "before"):
        writer = SegmentWriter(directory / layout, 4, Metric.COSINE, Precision.F32)
        for number in range(rows):
            writer.add(f"r{number}", state_of(number))
        written = writer.finish(EngineChoice.EXACT, seed=1, threads=1)
        writer.close()
        assert ROWS_FILE in written.files
        if layout == "before":
            written = as_before(directory / layout, written)
        paths = {name: directory / layout / name for name in written.files}
        found[f"{layout}, mapped"] = Segment("s", written.shape, LocalFiles(paths))
        found[f"{layout}, held"] = Segment("s", written.shape, LocalFiles(paths, held=True))
        blobs = MemoryBlobs(ManualClock())
        store = SnapshotStore(blobs)
        refs = {
            name: store.store_file(f"t/n/g/0/segments/{layout}/{name}", path) for name, path in paths.items()
        }
        files = FetchedFiles(store, refs, FetchedMemory(10**8), {}, Lazy)
        assert HEADER_FILE in refs
        found[f"{layout}, fetched"] = Segment("s", written.shape, files)
    return found


@pytest.mark.parametrize("rows", [0, 1, 40, 3_000])
def test_every_layout_says_the_same(tmp_path: Path, rows: int) -> None:
    """Of every record by its row and by its id, in order of both, of tombstones, fields and ranks."""
    states = {f"r{number}": state_of(number) for number in range(rows)}
    live = [name for name, state in states.items() if state.vector is not None]
    if rows == 3_000:
        assert sum(len(name) + 60 for name in live) > PACKED_BYTES_MAX  # so that it is read in parts
    chance = np.random.default_rng(rows)
    for way, segment in segments(tmp_path, rows).items():
        records = segment.records
        assert records.at_rows([]) == {}, way
        some = chance.permutation(len(live))[:50].tolist()
        assert {row: one.id for row, one in records.at_rows(some).items()} == {
            row: live[row] for row in some
        }, way
        assert records.ids_at(some) == {row: live[row] for row in some}
        for stored in records.all_rows():
            state = states[stored.id]
            assert (stored.row, stored.version) == (live.index(stored.id), state.base), way
            assert decode_metadata(stored.metadata) == state.visible_metadata()
            assert decode_patches(stored.patches) == state.patches
        assert [one[:3] for one in records.without_metadata()] == [one[:3] for one in records.all_rows()]
        asked = [*live[:30], "stranger", "r9"]
        assert records.with_ids(asked).keys() == set(live[:30])
        assert {one.id for one in records.all_tombstones()} == states.keys() - set(live)
        assert set(records.tombstones_with_ids(["r9", "r49"])) == {"r9", "r49"} & (states.keys() - set(live))
        in_order = sorted(live)
        assert [name for name, _ in records.ids_from("r1", "r10", 20)] == [
            name for name in in_order if name.startswith("r1") and name > "r10"
        ][:20]
        assert [name for name, _ in records.ids_beyond("r2", 10, descending=True)] == [
            name for name in reversed(in_order) if name < "r2"
        ][:10]
        assert records.id_ranks().tolist() == [in_order.index(name) for name in live]
        assert list(records.strays()) == []
        assert len(list(segment.located(live[:20]))) == len(live[:20])


def test_what_is_stored_is_in_one_place_only(tmp_path: Path) -> None:
    """Metadata that no filter can use is in no other file than that of rows; ids are in two."""
    writer = SegmentWriter(tmp_path / "s", 2, Metric.COSINE, Precision.F32)
    shown = "a sentence that nobody looks for by its beginning" * 8
    metadata = {"deep": [[shown]], "n": 1}
    writer.add("the-only-id", RecordState(Version(1, "w"), np.ones(2, np.float32), metadata))
    written = writer.finish(EngineChoice.EXACT, seed=1, threads=1)
    writer.close()
    having = {name for name in written.files if shown.encode() in (tmp_path / "s" / name).read_bytes()} - {
        HEADER_FILE
    }  # which has what is small once more, so that a reader need not ask for it
    assert having == {ROWS_FILE}
    (record,) = Segment(
        "s", written.shape, LocalFiles({name: tmp_path / "s" / name for name in written.files})
    ).records.all_rows()
    assert record.metadata == orjson.dumps(metadata)
