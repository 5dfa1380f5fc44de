"""Writes that depend on what a record is, beside others of the same record: on one machine, and on AWS."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from quartzdb.domain.condition import ABSENT, Condition
from quartzdb.domain.errors import InvalidMetadata, PreconditionFailed, Unavailable
from quartzdb.domain.limits import METADATA_BYTES_MAX
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.wiring.embedded import Database
from tests.aws_deployment import DIMENSION, Deployment
from tests.aws_emulators import Emulators
from tests.embedded import embedded, vector_of

VECTOR = vector_of(1, DIMENSION)
Open = Callable[[], Database]


@pytest.fixture(params=["embedded", "ministack"])
def open_one(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens another process's database on the same data."""
    if request.param == "embedded":
        return embedded(tmp_path / "data").open
    aws: Emulators = request.getfixturevalue("aws")
    emulator = aws.get(request.param)
    return Deployment(request.param, emulator.endpoint_url, emulator.new_place(), tmp_path).open


@pytest.fixture
def namespace(open_one: Open) -> Namespace:
    database = open_one()
    made, _ = database.namespaces.create("t", "n", NamespaceSettings(DIMENSION, shards=3))
    database.records.upsert(made, [NewRecord("r", VECTOR, {"count": 0})])
    return made


def together(*works: Callable[[], None]) -> None:
    """Begun at one moment; raises what any of them raised."""
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        ready.wait()
        work()

    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(run, work) for work in works]:
            done.result()


def test_no_update_is_lost(open_one: Open, namespace: Namespace) -> None:
    """Counting up with compare-and-set, from several processes, beside a writer that asks for nothing.

    Who is told that others were faster, or that an emulator took too long, looks whether it was done and tries again.
    """

    def count_up(database: Database, me: str) -> None:
        for turn in (1, 2):
            while (record := database.records.fetch_one(namespace, "r")).metadata.get(me) != turn:
                patch = MetadataPatch("r", {"count": record.metadata["count"] + 1, me: turn})
                with suppress(PreconditionFailed, Unavailable):
                    database.records.patch(namespace, [patch], conditions={"r": Condition.at(record.version)})

    def until_done(write: Callable[[], object]) -> None:
        while True:
            with suppress(Unavailable):
                write()
                return

    def write_beside(database: Database) -> None:
        for number in range(4):
            patch = MetadataPatch("r", {f"beside{number}": number})
            until_done(partial(database.records.patch, namespace, [patch]))
            record = NewRecord(f"other{number}", VECTOR)
            until_done(partial(database.records.upsert, namespace, [record]))

    counting = (partial(count_up, open_one(), me) for me in ("a", "b"))
    together(*counting, partial(write_beside, open_one()))
    seen = dict(open_one().records.fetch_one(namespace, "r").metadata)
    assert seen == {"count": 4, "a": 2, "b": 2} | {f"beside{number}": number for number in range(4)}


def test_one_of_many_creates(open_one: Open, namespace: Namespace) -> None:
    """And the others are told, which is what a lock is built from."""
    won: list[int] = []

    def create(database: Database, number: int) -> None:
        record = NewRecord("lock", VECTOR, {"by": number})
        try:
            database.records.upsert(namespace, [record], conditions={"lock": ABSENT})
        except PreconditionFailed:
            return
        won.append(number)

    together(*(partial(create, open_one(), number) for number in range(2)))
    assert [open_one().records.fetch_one(namespace, "lock").metadata["by"]] == won


def test_patches_at_once_keep_to_the_limit(open_one: Open, namespace: Namespace) -> None:
    """Each would fit alone, and two would not: one is done, and the others are told what is wrong."""
    done: list[str] = []

    def patch(database: Database, field: str) -> None:
        try:
            database.records.patch(namespace, [MetadataPatch("r", {field: "x" * 20_000})])
        except InvalidMetadata:
            return
        done.append(field)

    together(*(partial(patch, open_one(), field) for field in "ab"))
    metadata = open_one().records.fetch_one(namespace, "r").metadata
    assert [*metadata] == ["count", *done]
    assert len(done) == 1


def test_a_record_over_the_limit_can_be_made_smaller(open_one: Open, namespace: Namespace) -> None:
    """It came so from two sites: nothing of it is dropped, and it may not grow."""
    records = open_one().records
    large = {"a": "x" * 20_000, "b": "x" * 20_000}
    records.upsert(namespace, [NewRecord("r", VECTOR, large)], metadata_bytes_max=2 * METADATA_BYTES_MAX)
    with pytest.raises(InvalidMetadata):
        records.patch(namespace, [MetadataPatch("r", {"c": 1})])
    records.patch(namespace, [MetadataPatch("r", {"a": "y" * 19_000, "c": 1})])
    records.patch(namespace, [MetadataPatch("r", {}, ("b",))])
    metadata = records.fetch_one(namespace, "r").metadata
    assert {name: len(json.dumps(value)) for name, value in metadata.items()} == {"a": 19_002, "c": 1}


def test_a_condition_holds_across_a_fold(open_one: Open, namespace: Namespace) -> None:
    """The version of a record is the same in a segment as in the log."""
    database = open_one()
    version = database.records.fetch_one(namespace, "r").version
    for shard in namespace.each_shard:
        database.indexer.fold(shard)
    other = open_one()
    assert other.records.delete(namespace, ["r"], conditions={"r": Condition.at(version)}).deleted == 1
    with pytest.raises(PreconditionFailed):
        database.records.delete(namespace, ["r"], conditions={"r": Condition.at(version)})
