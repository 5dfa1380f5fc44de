"""What was written before there was a file of rows is read, verified, replaced and merged like anything else."""

from __future__ import annotations

from pathlib import Path

import orjson

from quartzdb.domain.filter import parse
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.maintenance.verification import Verification
from quartzdb.services.record_rules import MetadataPatch
from quartzdb.services.search import QueryRequest
from quartzdb.storage.index.segments.segment_files import ROWS_FILE
from quartzdb.storage.snapshot.manifest import encode_manifest
from quartzdb.wiring.embedded import Database
from tests.embedded import embedded, fill, fold, vector_of, write
from tests.segments_of_before import written_as_before


def test_a_directory_of_before_goes_on(tmp_path: Path) -> None:
    """Its segments stay as they are until they are merged; from then on they have rows."""
    place = embedded(tmp_path)
    with written_as_before():
        database = place.open()
        namespace = fill(database, place.clock, 300)
    database = place.open()

    def segments() -> list[bool]:
        manifest = database.store.manifest(_current(database, namespace.partition))
        assert orjson.loads(encode_manifest(manifest))["format"] == (
            2 if any(ROWS_FILE in one.files for one in manifest.segments) else 1
        )
        return [ROWS_FILE in one.files for one in manifest.segments]

    def check(rows: int) -> None:
        question = QueryRequest(vector=vector_of(7, 8), top_k=5)
        assert database.search.query(namespace, question).matches[0].id == "r7"
        (few,) = database.search.query(
            namespace, QueryRequest(vector=vector_of(7, 8), condition=parse({"n": 250}))
        ).matches
        assert (few.id, few.metadata) == ("r250", {"n": 250, "even": True})
        assert database.records.fetch_one(namespace, "r33").metadata["n"] == 33
        assert database.records.count(namespace) == rows
        assert len(database.records.list(namespace, limit=1_000).items) == rows
        assert not Verification(database.log, database.store).of(namespace).damages

    assert segments() == [False]
    check(300)
    write(database, namespace, range(290, 420))
    database.records.patch(namespace, [MetadataPatch("r5", {"n": -5})])
    fold(database, place.clock, namespace)
    assert segments() == [False, True]
    check(420)
    assert database.indexer.compact(namespace, all_segments).published
    database.readers.of(namespace).reload()
    assert segments() == [True]
    check(420)
    assert database.records.fetch_one(namespace, "r5").metadata == {"n": -5, "even": False}


def _current(database: Database, partition: object) -> str:
    pointer = database.store.pointer(partition)  # type: ignore[arg-type]
    assert pointer is not None
    return pointer.current
