"""A cold reader on S3: fetches little, notices damage and loss, and makes do with little disk and memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from quartzdb.domain.errors import Corrupted, NamespaceNotFound
from quartzdb.domain.filter import parse
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.maintenance.sweep import sweep
from quartzdb.services.search import QueryRequest
from quartzdb.storage.index.segments.partial_file import BLOCK_BYTES
from quartzdb.storage.index.segments.segment_files import HEADER_FILE, ROWS_FILE, VECTORS_FILE
from quartzdb.storage.snapshot.cache import DAMAGED_SECONDS
from quartzdb.wiring.embedded import Database
from tests.aws_deployment import DIMENSION, Deployment, nearest, write
from tests.aws_emulators import REGION, Emulators
from tests.embedded import vector_of

ROWS = 3_000
MB = 1024 * 1024


@pytest.fixture
def deployment(aws: Emulators, tmp_path: Path) -> Deployment:
    """On ministack: what is read is the same on both."""
    emulator = aws.get("ministack")
    return Deployment("ministack", emulator.endpoint_url, emulator.new_place(), tmp_path)


def filled(deployment: Deployment, engine: EngineChoice = EngineChoice.IVF) -> tuple[Database, Namespace]:
    """A namespace whose records lie in one segment."""
    writer = deployment.open()
    namespace, _ = writer.namespaces.create("t", "n", NamespaceSettings(DIMENSION, engine=engine))
    for start in range(0, ROWS, 500):
        write(writer, namespace, range(start, start + 500))
    deployment.clock.seconds += 40
    assert writer.indexer.fold(namespace).published
    return writer, namespace


Filled = tuple[Deployment, Database, Namespace]


@pytest.fixture(scope="module")
def there(aws: Emulators, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """One such namespace, for all who leave it as it is."""
    emulator = aws.get("ministack")
    directory = tmp_path_factory.mktemp("there")
    deployment = Deployment("ministack", emulator.endpoint_url, emulator.new_place(), directory)
    return (deployment, *filled(deployment))


def overwrite(
    deployment: Deployment, database: Database, namespace: Namespace, name: str, *, gone: bool
) -> bytes:
    """Harm a file of the newest segment behind everybody's back; returns what it was."""
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    key = "blobs/" + database.store.manifest(pointer.current).segments[-1].files[name].key
    s3 = bucket_of(deployment)
    before: bytes = s3.get_object(Bucket=deployment.place.bucket, Key=key)["Body"].read()
    if gone:
        s3.delete_object(Bucket=deployment.place.bucket, Key=key)
    else:
        s3.put_object(Bucket=deployment.place.bucket, Key=key, Body=bytes(byte ^ 1 for byte in before))
    return before


def restore(
    deployment: Deployment, database: Database, namespace: Namespace, name: str, content: bytes
) -> None:
    """Undo the harm."""
    pointer = database.store.pointer(namespace.partition)
    assert pointer is not None
    key = "blobs/" + database.store.manifest(pointer.current).segments[-1].files[name].key
    bucket_of(deployment).put_object(Bucket=deployment.place.bucket, Key=key, Body=content)


def bucket_of(deployment: Deployment):  # type: ignore[no-untyped-def]
    """A plain client."""
    return boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=deployment.endpoint_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.mark.parametrize(
    "engine", [EngineChoice.IVF, EngineChoice.HNSW, EngineChoice.ANNOY, EngineChoice.EXACT]
)
def test_a_cold_reader_answers_like_a_warm_one(deployment: Deployment, engine: EngineChoice) -> None:
    """Searches, filters, fetches, listings and counts, whatever is here already."""
    writer, namespace = filled(deployment, engine)
    cold = deployment.open()
    few = parse({"n": {"$lt": 20}})
    for database in (writer, cold):
        assert nearest(database, namespace, 1234) == "r1234"
        request = QueryRequest(vector=vector_of(7, DIMENSION), top_k=30, condition=few, include_values=True)
        answer = database.search.query(namespace, request)
        assert {match.id for match in answer.matches} == {f"r{n}" for n in range(20)}
        assert answer.matches[0].vector is not None
        assert answer.matches[0].vector.tolist() == vector_of(7, DIMENSION).tolist()
        fetched = database.records.fetch(namespace, ["r5", "r2999", "absent"])
        assert fetched["r2999"].metadata == {"n": 2999, "even": False}
        assert fetched["r5"].vector.tolist() == vector_of(5, DIMENSION).tolist()
        assert database.records.list(namespace, prefix="r29", limit=200).items[0] == "r29"
        assert database.records.count(namespace, parse({"even": True})) == ROWS / 2


def test_one_record_costs_a_few_blocks(there: Filled) -> None:
    """A read by id fetches neither the index nor the vectors of others."""
    deployment, _, namespace = there
    cold = deployment.open()
    assert cold.records.fetch_one(namespace, "r77").metadata["n"] == 77
    (part,) = cold.readers.of(namespace).view().parts
    files = part.segment._files
    vectors = files.partial(VECTORS_FILE)
    assert vectors is not None
    assert 0 < vectors.held_bytes <= 2 * BLOCK_BYTES < vectors.size / 8
    assert not list((deployment.directory / str(deployment.opened)).rglob("*ivf*"))


TwiceFolded = Callable[[int], tuple[Deployment, Database, Namespace]]


@pytest.fixture(scope="module")
def twice_folded(aws: Emulators, tmp_path_factory: pytest.TempPathFactory) -> TwiceFolded:
    """Makes a namespace with a manifest before the current one, which added so many rows: once for each number."""

    @cache
    def made(more: int) -> tuple[Deployment, Database, Namespace]:
        emulator = aws.get("ministack")
        directory = tmp_path_factory.mktemp("twice-folded")
        deployment = Deployment("ministack", emulator.endpoint_url, emulator.new_place(), directory)
        writer, namespace = filled(deployment)
        for start in range(ROWS, ROWS + more, 600):
            write(writer, namespace, range(start, start + 600))
        deployment.clock.seconds += 40
        assert writer.indexer.fold(namespace).published
        return deployment, writer, namespace

    return made


@pytest.mark.parametrize("gone", [False, True], ids=["damaged", "missing"])
@pytest.mark.parametrize(
    ("name", "more"), [(VECTORS_FILE, 1200), (ROWS_FILE, 4800), (HEADER_FILE, 1200), ("ivf.codes", 4800)]
)
def test_the_manifest_before_serves_when_a_file_is_damaged_or_missing(
    twice_folded: TwiceFolded, name: str, more: int, gone: bool
) -> None:
    """With its longer tail it knows as much. The reader says that it is degraded, and goes back once that is mended."""
    deployment, writer, namespace = twice_folded(more)
    before = overwrite(deployment, writer, namespace, name, gone=gone)

    cold = deployment.open()
    assert nearest(cold, namespace, ROWS + 600) == f"r{ROWS + 600}"
    assert nearest(cold, namespace, 600) == "r600"
    stats = cold.namespaces.stats(namespace)
    assert stats.records == ROWS + more
    assert stats.degraded is not None
    assert name in stats.degraded

    restore(deployment, writer, namespace, name, before)
    deployment.clock.seconds += DAMAGED_SECONDS + 1
    assert nearest(cold, namespace, ROWS + 600) == f"r{ROWS + 600}"
    assert cold.namespaces.stats(namespace).degraded is None


def test_damage_that_no_manifest_gets_around_is_an_error(there: Filled) -> None:
    """Never a wrong answer."""
    deployment, writer, namespace = there
    before = overwrite(deployment, writer, namespace, VECTORS_FILE, gone=False)
    with pytest.raises(Corrupted) as caught:
        nearest(deployment.open(), namespace, 5)
    assert caught.value.hint
    restore(deployment, writer, namespace, VECTORS_FILE, before)


def test_a_reader_of_a_swept_snapshot_moves_on(deployment: Deployment) -> None:
    """What it has not fetched yet is gone, which is no damage."""
    writer, namespace = filled(deployment)
    slow = deployment.open()
    assert slow.records.count(namespace) == ROWS
    write(writer, namespace, range(ROWS, ROWS + 50))
    deployment.clock.seconds += 40
    assert writer.indexer.fold(namespace).published
    assert writer.indexer.compact(namespace, all_segments).published
    deployment.clock.seconds += 120
    assert writer.indexer.fold(namespace) is not None
    write(writer, namespace, range(1))
    deployment.clock.seconds += 120
    assert writer.indexer.fold(namespace).published
    deployment.clock.seconds += 120
    sweep(writer.store, deployment.clock, namespace.partition)
    assert nearest(slow, namespace, 700) == "r700"
    assert slow.namespaces.stats(namespace).degraded is None


def test_little_disk_and_little_memory_are_enough(there: Filled) -> None:
    """A copy that has no room on disk is kept in memory; parts are given up for others and fetched again."""
    deployment, _, namespace = there
    poor = deployment.open(cache_bytes_max=20_000, fetched_bytes_max=BLOCK_BYTES * 3)
    for number in (5, 1500, 2999, 5):
        assert nearest(poor, namespace, number) == f"r{number}"
    assert poor.records.count(namespace, parse({"n": {"$gte": 2990}})) == 10
    assert len(poor.records.fetch(namespace, [f"r{n}" for n in range(0, ROWS, 100)])) == 30


def test_a_search_learns_of_a_namespace_that_was_made_again(deployment: Deployment) -> None:
    """It remembers where a namespace was; the log tells it that this one is gone."""
    writer, namespace = filled(deployment)
    other = deployment.open()

    def search(number: int) -> str:
        return other.namespaces.search("t", lambda found: nearest(other, found, number), "n")

    assert search(10) == "r10"
    writer.namespaces.delete("t", "n")
    with pytest.raises(NamespaceNotFound):
        search(10)
    again, _ = writer.namespaces.create("t", "n", NamespaceSettings(DIMENSION))
    assert again.generation != namespace.generation
    write(writer, again, range(3))
    assert search(10) in {"r0", "r1", "r2"}


def test_a_warm_reader_moves_to_a_newer_snapshot_by_itself(deployment: Deployment) -> None:
    """A function has nothing in the background: a long tail makes the reader look for what an indexer has published."""
    writer, namespace = filled(deployment)
    warm = deployment.open()
    assert nearest(warm, namespace, 1) == "r1"
    for start in range(0, 9000, 500):
        write(writer, namespace, range(ROWS + start, ROWS + start + 500))
    assert nearest(warm, namespace, 1) == "r1"
    assert warm.readers.of(namespace).tail_rows == 9000
    deployment.clock.seconds += 40
    assert writer.indexer.fold(namespace).published
    assert nearest(warm, namespace, ROWS + 8999) == f"r{ROWS + 8999}"
    assert warm.readers.of(namespace).tail_rows == 0
