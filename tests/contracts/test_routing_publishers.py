"""The contract of RoutingPublisher, by what a router reads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from quartzdb.adapters.aws.s3_routing_publisher import S3RoutingPublisher
from quartzdb.adapters.embedded.file_routing_publisher import FileRoutingPublisher
from quartzdb.domain.errors import Unavailable
from quartzdb.routing.decision.state import Mode, Origin, RoutingState, encode_state
from quartzdb.routing.ports import PUBLISHED_KEY, RoutingPublisher
from tests.aws_emulators import NAMES
from tests.contracts.adapters import Storage

FIRST = encode_state(RoutingState(1, 1, Origin.CLOUDFLARE, Mode.DIRECT, 1_000, "first"))
SECOND = encode_state(RoutingState(2, 2, Origin.AWS, Mode.FAILED_OVER, 2_000, "second"))


@dataclass(frozen=True)
class Published:
    """A publisher, and what a router finds."""

    publisher: RoutingPublisher
    read: Callable[[], bytes]


def _file(storage: Storage) -> Published:
    publisher = FileRoutingPublisher(storage.directory, storage.clock)
    return Published(publisher, (storage.directory / PUBLISHED_KEY).read_bytes)


def _s3(storage: Storage, emulator: str) -> Published:
    client, bucket = storage.aws.get(emulator).s3, storage.place(emulator).bucket

    def read() -> bytes:
        return client.get_object(Bucket=bucket, Key=PUBLISHED_KEY)["Body"].read()

    return Published(S3RoutingPublisher(client, bucket), read)


@pytest.fixture(params=["file", *(f"s3-{name}" for name in NAMES)])
def published(request: pytest.FixtureRequest, storage: Storage) -> Published:
    kind, _, emulator = request.param.partition("-")
    return _file(storage) if kind == "file" else _s3(storage, emulator)


def test_what_was_published_last_is_read(published: Published) -> None:
    """At once, and again after it was published twice."""
    for document in (FIRST, SECOND, SECOND, FIRST):
        published.publisher.publish(document)
        assert published.read() == document


def test_a_reader_sees_all_of_one_document(published: Published) -> None:
    """While it is replaced, over and over, by one that is longer."""
    long = SECOND + b" " * 50_000
    published.publisher.publish(FIRST)
    done = threading.Event()
    seen: list[bytes] = []

    def read() -> None:
        while not done.is_set():
            seen.append(published.read())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(10):
            published.publisher.publish(long)
            published.publisher.publish(FIRST)
    finally:
        done.set()
        reader.join()
    assert seen
    assert set(seen) <= {FIRST, long}


def test_nothing_between_bucket_and_router_keeps_it(storage: Storage) -> None:
    """The object says so itself."""
    published = _s3(storage, "ministack")
    published.publisher.publish(FIRST)
    place, client = storage.place("ministack"), storage.aws.get("ministack").s3
    head = client.head_object(Bucket=place.bucket, Key=PUBLISHED_KEY)
    assert head["CacheControl"] == "no-cache"
    assert head["ContentType"] == "application/json"


def test_a_bucket_that_is_not_there_is_unavailable(storage: Storage) -> None:
    """So that the caller keeps in mind that it is not published."""
    publisher = S3RoutingPublisher(storage.aws.get("ministack").s3, "quartzdb-is-not-there")
    with pytest.raises(Unavailable):
        publisher.publish(FIRST)


def test_a_directory_that_cannot_be_written_is_unavailable(storage: Storage, tmp_path: Path) -> None:
    """Likewise."""
    (tmp_path / "routing").write_text("in the way")
    with pytest.raises(Unavailable, match="could not be published"):
        FileRoutingPublisher(tmp_path, storage.clock).publish(FIRST)
