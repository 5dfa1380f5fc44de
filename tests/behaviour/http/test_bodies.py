"""Request bodies: bounded while they stream in and when they are decompressed, and only of types that are read."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import httpx
import pytest

from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client, refused, refused_as_cloudflare

JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}
LIMIT = 100_000


@pytest.fixture
def small(database: Database, make_key: Any) -> Iterator[Client]:
    """An application that takes 100,000 bytes, three times as many for one key, and waits for a fifth of a second."""
    settings = ApiSettings(body_bytes_max=LIMIT, bodies_bytes_max=6 * LIMIT, body_idle_seconds_max=0.2)
    with Client(create_app(database, settings), make_key()) as client:
        yield client


async def run(application: Awaitable[None]) -> None:
    await application


class Chunks:
    """A body of so many chunks, which counts those that were taken."""

    def __init__(self, count: int, size: int, content: bytes = b"x") -> None:
        self.count = count
        self.chunk = content * size
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.count):
            self.taken += 1
            yield self.chunk


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/namespaces"),
        ("POST", "/v1/namespaces/books/vectors"),
        ("PUT", "/v1/namespaces/books/kv/k"),
        ("POST", "/v1/namespaces/books/kv-batch/put"),
        ("POST", "/api/put"),
    ],
)
def test_a_body_is_not_read_beyond_the_limit(small: Client, method: str, path: str) -> None:
    """A sender that does not say how much is coming is cut off as soon as it is too much."""
    body = Chunks(1_000, 10_000)
    answer = small.request(method, path, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"
    assert body.taken <= LIMIT // 10_000 + 1


def test_a_body_that_declares_too_much_is_not_read_at_all(small: Client) -> None:
    """Not one chunk of it."""
    for length in (str(LIMIT + 1), "9" * 400):
        body = Chunks(1_000, 10_000)
        answer = small.post("/v1/namespaces", content=body, headers={**JSON, "Content-Length": length})
        refused(answer, 413, "body_too_large")
        assert body.taken == 0


def test_nobody_uploads_without_a_key(small: Client) -> None:
    """The key is looked at before the body."""
    body = Chunks(10, 10)
    refused(small.post("/v1/namespaces", content=body, headers=JSON, key=None), 401, "unauthenticated")
    assert body.taken == 0


def test_the_limit_itself_is_accepted(small: Client) -> None:
    """To the byte."""
    small.post("/v1/namespaces", {"name": "cache"})
    assert small.put("/v1/namespaces/cache/kv/k", content=b"x" * LIMIT).status_code == 200
    refused(small.put("/v1/namespaces/cache/kv/k", content=b"x" * (LIMIT + 1)), 413, "body_too_large")


def test_all_bodies_together_are_bounded(small: Client) -> None:
    """One that does not fit beside the others is told to come back; the others are done."""
    small.post("/v1/namespaces", {"name": "cache"})
    begun = asyncio.Semaphore(0)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x" * 80_000
        begun.release()
        await asyncio.sleep(0.1)
        yield b"y"

    async def last() -> AsyncIterator[bytes]:
        for _ in range(3):
            await begun.acquire()
        yield b"x" * 70_000

    path = "/v1/namespaces/cache/kv/k"
    answers = small.together(
        *(("PUT", f"{path}{n}", {"content": slowly()}) for n in range(3)), ("PUT", path, {"content": last()})
    )
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 503]
    busy = next(answer for answer in answers if answer.status_code == 503)
    refused(busy, 503, "overloaded")
    assert busy.headers["retry-after"]
    assert small.put(path, content=b"x" * 90_000).status_code == 200


def test_a_sender_that_pauses_too_long_loses_its_place(small: Client) -> None:
    """408, after a while."""

    async def stuck() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    refused(small.post("/v1/namespaces", content=stuck(), headers=JSON), 408, "body_timeout")


def test_a_connection_that_ends_within_a_body_writes_nothing(small: Client) -> None:
    """Half a value is no value."""
    small.post("/v1/namespaces", {"name": "cache"})
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "PUT", "path": "/v1/namespaces/cache/kv/k", "query_string": b"",
        "raw_path": b"/v1/namespaces/cache/kv/k", "headers": [(b"x-api-key", str(small.key).encode())],
    }  # fmt: skip
    asyncio.run(run(small.app(scope, receive, send)))
    assert sent[0]["status"] == 400
    assert small.get("/v1/namespaces/cache/kv/k").status_code == 404


def test_a_compressed_body_is_read(small: Client, http: Client) -> None:
    """As if it had come plain; more than the limit as such, if it is less compressed."""
    body = {"name": "zipped", "dimension": 3}
    data = gzip.compress(json.dumps(body).encode())
    assert small.post("/v1/namespaces", content=data, headers=GZIP).status_code == 201
    http.put(
        "/v1/namespaces/zipped/kv/k", content=gzip.compress(b"value"), headers={"Content-Encoding": "X-GZIP"}
    )
    assert http.get("/v1/namespaces/zipped/kv/k").content == b"value"
    two = gzip.compress(b"one ") + gzip.compress(b"two")
    http.put("/v1/namespaces/zipped/kv/k", content=two, headers={"Content-Encoding": "gzip"})
    assert http.get("/v1/namespaces/zipped/kv/k").content == b"one two"


def test_a_bomb_is_refused_without_being_inflated(small: Client) -> None:
    """A gigabyte in a megabyte costs no more than the limit."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    assert len(bomb) < LIMIT
    tracemalloc.start()
    try:
        refused(small.post("/v1/namespaces", content=bomb, headers=GZIP), 413, "body_too_large")
        refused_as_cloudflare(small.post("/api/put", content=bomb, headers=GZIP), 413)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * LIMIT


ZIPPED = gzip.compress(b'{"name":"n"}', mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"not gzip", id="plain"),
        pytest.param(b"", id="empty"),
        pytest.param(ZIPPED[:-5], id="cut short"),
        pytest.param(ZIPPED + b"trailing", id="trailing bytes"),
        pytest.param(gzip.compress(b"", mtime=0) * 17, id="many members"),
        pytest.param(zlib.compress(b'{"name":"n"}'), id="zlib"),
    ],
)
def test_a_broken_compressed_body_is_refused(small: Client, data: bytes) -> None:
    """Cut short, followed by something else, or endless in members."""
    refused(small.post("/v1/namespaces", content=data, headers=GZIP), 400, "invalid_body")


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "x"])
def test_an_encoding_that_is_not_read_is_415(http: Client, encoding: str) -> None:
    """And the one that is gets named."""
    answer = http.post("/v1/namespaces", content=b"{}", headers={**JSON, "Content-Encoding": encoding})
    refused(answer, 415, "unsupported_media_type", "Content-Encoding")
    assert answer.headers["accept-encoding"] == "gzip"


def test_identity_is_no_encoding(http: Client) -> None:
    """It may be named all the same."""
    answer = http.post("/v1/namespaces", {"name": "n"}, headers={"Content-Encoding": "identity"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"],
)
def test_json_must_be_called_json(http: Client, content_type: str | None) -> None:
    """Else a form on any page could write; the hint says what to send."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = http.post("/v1/namespaces", content=b'{"name":"n"}', headers=headers)
    problem = refused(answer, 415, "unsupported_media_type", "Content-Type")
    assert "application/json" in problem["hint"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"]
)
def test_json_has_several_names(http: Client, content_type: str) -> None:
    """With parameters, in any case, and as a suffix."""
    answer = http.post("/v1/namespaces", content=b'{"name":"n"}', headers={"Content-Type": content_type})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", "empty"),
        (b"{", "line 1, column 2"),
        (b'{"name":\n "n",}', "line 2, column"),
        (b"{'name': 'n'}", "line 1, column 2"),
        (b'{"name":"n"} x', "line 1, column 14"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b'{"name":"\xff"}', "line 1"),
        (b'{"name":undefined}', "line 1, column 9"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(http: Client, body: bytes, where: str) -> None:
    """By line and column."""
    problem = refused(http.post("/v1/namespaces", content=body, headers=JSON), 400, "invalid_json")
    assert where in problem["detail"]


def test_the_last_of_duplicate_fields_counts(http: Client) -> None:
    """As JSON parsers do."""
    answer = http.post("/v1/namespaces", content=b'{"name":"a","name":"b"}', headers=JSON)
    assert answer.json()["name"] == "b"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"vectors":[' + b"1," * 400_000 + b"1]}", id="entries"),
        pytest.param(
            b'{"vectors":[{' + b",".join(b'"f%d":1' % n for n in range(200_000)) + b"}]}", id="fields"
        ),
        pytest.param(b"{" + b",".join(b'"f%d":1' % n for n in range(200_000)) + b"}", id="top fields"),
    ],
)
def test_a_thousand_mistakes_cost_no_more_than_one(http: Client, books: str, body: bytes) -> None:
    """Only the first is told, so the others are not collected."""
    http.post(f"{books}/vectors", {"vectors": []})
    tracemalloc.start()
    try:
        refused(http.post(f"{books}/vectors", content=body, headers=JSON), 400, "invalid_argument")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50 * len(body)


def test_a_request_without_a_body_needs_none(http: Client) -> None:
    """GET and DELETE do not read one."""
    body = Chunks(5, 10)
    assert http.request("GET", "/v1/namespaces", content=body).status_code == 200
    assert body.taken == 0
    assert isinstance(http.get("/v1/namespaces"), httpx.Response)
