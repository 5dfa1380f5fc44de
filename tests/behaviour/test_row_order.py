"""Rows lie in an order that the engine chose: everything that belongs to a record comes with its row, and rows that are
near each other lie together.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.domain.filter import parse
from quartzdb.domain.hlc import Version
from quartzdb.domain.merge import Patched, RecordState
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Precision
from quartzdb.domain.record import Record
from quartzdb.domain.vector import Matrix, norms_of
from quartzdb.maintenance.built_shard import load_built, store_built
from quartzdb.maintenance.merge_plan import MergePlan
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.services.search import QueryRequest
from quartzdb.storage.index.engines.centroids import Centroids
from quartzdb.storage.index.engines.encoded_rows import EncodedRows
from quartzdb.storage.index.engines.product_codes import ProductCodes
from quartzdb.storage.index.engines.product_quantizer import ProductQuantizer
from quartzdb.storage.index.fields.filtering import evaluate
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.index.segments.segment_files import LocalFiles
from quartzdb.storage.index.segments.segment_writer import SegmentWriter, WrittenSegment
from quartzdb.wiring.embedded import Database
from tests.embedded import Embedded, embedded, fold, vector_of, write

ROWS, DIMENSION, CLUMPS = 2_400, 24, 40
ORDERED = (EngineChoice.IVF, EngineChoice.HNSW)


def clumped(rows: int, seed: int) -> Matrix:
    """Vectors in clumps, as embeddings are."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((CLUMPS, DIMENSION))
    drawn = centres[chance.integers(CLUMPS, size=rows)] + 0.5 * chance.standard_normal((rows, DIMENSION))
    return drawn.astype(np.float32)


def state_of(number: int, vectors: Matrix) -> RecordState:
    """Record r<number>: metadata, a patch here and there, and now and then nothing but a tombstone."""
    version = Version(1_000 + number, f"here.{number % 3}")
    if number % 50 == 7:
        return RecordState(version)
    patches = {"p": Patched(Version(9_000 + number, "there.1"), number)} if number % 5 == 0 else {}
    return RecordState(version, vectors[number], {"n": number, "third": number % 3}, patches)


def written(directory: Path, engine: EngineChoice, precision: Precision, metric: Metric) -> WrittenSegment:
    """A segment of such records."""
    vectors = clumped(ROWS, 1)
    writer = SegmentWriter(directory, DIMENSION, metric, precision)
    for number in range(ROWS):
        writer.add(f"r{number}", state_of(number, vectors))
    finished = writer.finish(engine, seed=1, threads=1)
    writer.close()
    return finished


def opened(directory: Path, finished: WrittenSegment) -> Segment:
    """The segment, from its files."""
    return Segment("s", finished.shape, LocalFiles({name: directory / name for name in finished.files}))


@pytest.mark.parametrize(
    ("engine", "metric", "precision"),
    [
        *((EngineChoice.IVF, metric, Precision.F32) for metric in Metric),
        (EngineChoice.IVF, Metric.COSINE, Precision.F16),
        (EngineChoice.HNSW, Metric.DOT, Precision.F32),
        (EngineChoice.EXACT, Metric.COSINE, Precision.F16),
    ],
)
def test_everything_of_a_record_comes_with_its_row(
    engine: EngineChoice, metric: Metric, precision: Precision, tmp_path: Path
) -> None:
    """Its vector, its length, version, metadata and patches; filters name its row, and tombstones have none."""
    finished = written(tmp_path / "s", engine, precision, metric)
    segment = opened(tmp_path / "s", finished)
    vectors = clumped(ROWS, 1)
    added = [number for number in range(ROWS) if state_of(number, vectors).live]
    assert (finished.order is not None) == (engine in ORDERED)
    order = np.arange(len(added)) if finished.order is None else finished.order
    assert sorted(order.tolist()) == list(range(len(added)))
    numbers = np.array(added)[order]

    stored, lengths = segment.vectors.span(0, len(added))
    expected = vectors[numbers].astype(stored.dtype)
    assert np.array_equal(stored, expected)
    assert np.array_equal(lengths, norms_of(expected))
    records = list(segment.records.all_rows())
    assert [(record.row, record.id) for record in records] == [
        (row, f"r{number}") for row, number in enumerate(numbers)
    ]
    for record_id, row, state in segment.located([f"r{number}" for number in range(ROWS)]):
        number = int(record_id[1:])
        wanted = state_of(number, vectors)
        assert row is None if wanted.vector is None else numbers[row] == number
        assert (state.base, state.patches) == (wanted.base, wanted.patches)
        assert state.visible_metadata() == wanted.visible_metadata()
    conditions: list[tuple[dict[str, Any], Callable[[int], bool]]] = [
        ({"n": {"$lt": 500}}, lambda number: number < 500),
        ({"third": 1}, lambda number: number % 3 == 1),
        ({"p": {"$exists": True}}, lambda number: number % 5 == 0),
    ]
    for condition, accepted in conditions:
        mask = evaluate(parse(condition), segment.records.fields)
        assert mask.tolist() == [accepted(number) for number in numbers.tolist()]
    assert {stone.id for stone in segment.records.all_tombstones()} == {
        f"r{number}" for number in range(7, ROWS, 50)
    }


@pytest.mark.parametrize("engine", ORDERED)
def test_candidates_of_a_query_lie_together(engine: EngineChoice, tmp_path: Path) -> None:
    """In half of the stretches, at most, that they are scattered over in the order of their writing."""
    finished = written(tmp_path / "s", engine, Precision.F32, Metric.COSINE)
    segment = opened(tmp_path / "s", finished)
    assert finished.order is not None
    together = apart = 0
    for query in clumped(20, 2):
        rows = segment.index.candidates(query, 10)
        together += stretches(rows)
        apart += stretches(finished.order[rows])
    assert 2 * together < apart


def stretches(rows: Any) -> int:
    """Of neighbouring rows, a gap of a few left out."""
    return 1 + int(np.count_nonzero(np.diff(np.sort(rows)) > 4))


@pytest.mark.parametrize("engine", ORDERED)
def test_the_same_records_give_the_same_bytes(engine: EngineChoice, tmp_path: Path) -> None:
    """All files, so that a build that is repeated after a crash changes nothing."""
    first, second = (written(tmp_path / name, engine, Precision.F16, Metric.COSINE) for name in "ab")
    assert first.shape == second.shape
    assert first.files == second.files
    for name in first.files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert {path.name for path in (tmp_path / "a").iterdir()} == set(first.files)


class TestMerging:
    """What is built is published later, on top of what died meanwhile: those rows are found in the new order."""

    def test_records_that_die_between_the_steps(self, tmp_path: Path) -> None:
        site = embedded(tmp_path)
        database = site.open()
        namespace = two_segments(site, database, EngineChoice.IVF)
        plan, documents = built(database, namespace)
        gone = range(0, ROWS, 7)
        database.records.delete(namespace, [f"r{number}" for number in gone])
        fold(database, site.clock, namespace)
        assert publish(database, plan, documents)
        for instance in (database, site.open()):
            check(instance, namespace, set(gone))
        pointer = database.store.pointer(namespace.partition)
        assert pointer is not None
        live = {one.name: one for one in database.store.manifest(pointer.current).segments}
        names = {document["segment"]["name"] for document in documents}
        assert sum(live[name].dead_rows for name in names) == len(gone)

    def test_shards_that_an_earlier_version_built(self, tmp_path: Path) -> None:
        """It wrote no order, because rows lay as they were copied. Its results can still be published."""
        site = embedded(tmp_path)
        database = site.open()
        namespace = two_segments(site, database, EngineChoice.EXACT)
        plan, documents = built(database, namespace)
        database.records.delete(namespace, ["r0", "r7"])
        fold(database, site.clock, namespace)
        for document in documents:
            rows = database.store.blobs.get(document.pop("rows")["key"])
            # The first part, which is the order, is empty, and was not there.
            assert rows[:4] == bytes(4)
            document["copied"] = asdict(
                database.store.store_file(f"{namespace.partition}/copied/old{document['shard']}", rows[4:])
            )
        assert publish(database, plan, documents)
        check(database, namespace, {0, 7})


def two_segments(site: Embedded, database: Database, engine: EngineChoice) -> Namespace:
    """A namespace with ROWS records, in two segments."""
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(8, engine=engine))
    for numbers in (range(ROWS // 2), range(ROWS // 2, ROWS)):
        write(database, namespace, numbers)
        fold(database, site.clock, namespace)
    return namespace


def built(database: Database, namespace: Namespace) -> tuple[MergePlan, list[dict[str, Any]]]:
    """All of it merged into two shards, as a workflow gets them."""
    planned = database.indexer.merger.plan(namespace.partition, all_segments)
    assert planned is not None
    plan = replace(planned, shards=2)
    documents = []
    for shard in range(plan.shards):
        one = database.indexer.merger.build_shard(namespace, plan, shard)
        assert one is not None
        assert (one.order is None) == (namespace.settings.engine is EngineChoice.EXACT)
        documents.append(json.loads(json.dumps(store_built(database.store, plan, one))))
    return plan, documents


def publish(database: Database, plan: MergePlan, documents: list[dict[str, Any]]) -> bool:
    """The last step of the workflow."""
    return database.indexer.merger.publish(plan, [load_built(database.store, one) for one in documents])


def check(database: Database, namespace: Namespace, gone: set[int]) -> None:
    """Every other record is there, and is what it was."""
    database.readers.of(namespace).reload()
    found: dict[str, Record] = {}
    for start in range(0, ROWS, 1_000):
        ids = [f"r{number}" for number in range(start, min(start + 1_000, ROWS))]
        found.update(database.records.fetch(namespace, ids))
    assert found.keys() == {f"r{number}" for number in range(ROWS)} - {f"r{number}" for number in gone}
    for number in range(1, ROWS, 97):
        if number not in gone:
            assert found[f"r{number}"].metadata["n"] == number
            request = QueryRequest(vector=vector_of(number, 8), top_k=1)
            assert database.search.query(namespace, request).matches[0].id == f"r{number}"
    assert database.records.count(namespace) == ROWS - len(gone)


@pytest.mark.parametrize("inner", [True, False])
def test_codes_of_rows_in_any_order(inner: bool, tmp_path: Path) -> None:
    """Before they are arranged they have rows in the order of their adding: the same are found, and counted."""
    rows = clumped(1_500, 3)
    centroids = Centroids.train(rows[:1_000], 30, inner=inner, seed=1)
    encoded = EncodedRows(centroids, lambda: [rows[:700], rows[700:]], None)
    encoded.encode(ProductQuantizer.train(rows[:1_000], DIMENSION // 2, seed=1))
    old = encoded.write(tmp_path / "codes")
    grouped, starts = old.grouped
    assert np.array_equal(grouped, np.concatenate(encoded.groups))
    chance = np.random.default_rng(5)
    order = np.concatenate([chance.permutation(rows_of_one) for rows_of_one in encoded.groups])
    head_bytes = encoded.write_in(order, tmp_path / "codes")
    new = ProductCodes.read(tmp_path / "codes", rows=len(rows), width=rows.shape[1], inner=inner)
    assert np.array_equal(old.grouped[0][starts[4] : starts[5]], np.sort(order[starts[4] : starts[5]]))
    assert new.spans(np.array([0]))[0].tolist() == [head_bytes]
    assert np.array_equal(new.grouped[0], np.arange(len(rows)))
    allowed = chance.random(len(rows)) < 0.2
    assert np.array_equal(old.matches_by_list(allowed), new.matches_by_list(allowed[order]))
    assert old.matches_by_list(allowed).sum() == np.count_nonzero(allowed)
    for query in clumped(10, 4):
        nearness = centroids.nearness(query)
        lists = np.argsort(-nearness)[:12]
        for accepted in (None, allowed):
            asked = (query, 40, lists, nearness[lists])
            packed = [
                None if accepted is None else np.packbits(one, bitorder="little")
                for one in (allowed, allowed[order])
            ]
            before, estimates = old.search(*asked, packed[0])
            after, same_estimates = new.search(*asked, packed[1])
            assert np.array_equal(estimates, same_estimates)
            # Rows that are estimated alike come in any order, and the last of them by chance.
            clear = estimates > estimates[-1]
            assert set(order[after[clear]].tolist()) == set(before[clear].tolist())
