"""Changes as Server-Sent Events: each has a cursor as its id, and a stream that ends says why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from quartzdb.api.app import create_app
from quartzdb.api.edge import Edge
from quartzdb.api.settings import ApiSettings
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import BASE, Client, refused
from tests.behaviour.http.conftest import MakeKey
from tests.behaviour.http.streams import Stream

Ask = Callable[..., Awaitable[httpx.Response]]
PATH = "/v1/namespaces/books/changes"
SETTINGS = ApiSettings(
    feed_pause_seconds=0.01, heartbeat_seconds=0.05, feeds_of_key_max=2, key_cache_seconds=0.0
)


@pytest.fixture(scope="module")
def app(database: Database) -> Edge:
    return create_app(database, SETTINGS)


def run(app: Edge, key: str, scenario: Callable[[Ask], Awaitable[None]]) -> None:
    """A scenario in one event loop, as a server has: it is given what asks for anything else."""

    async def all_of_it() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
            auth = {"Authorization": f"Bearer {key}"}
            await scenario(lambda *asked, **options: client.request(*asked, headers=auth, **options))

    asyncio.run(all_of_it())


async def upsert(ask: Ask, *ids: str) -> None:
    body = {"vectors": [{"id": one, "vector": [1, 2, 3]} for one in ids]}
    assert (await ask("POST", "/v1/namespaces/books/vectors", json=body)).status_code == 200


def ids(document: Any) -> list[str]:
    return [one["id"] for one in document["changes"]]


def test_changes_come_as_events_and_a_client_that_returns_misses_nothing(
    app: Edge, http: Client, books: str
) -> None:
    """The first event says where it begins, so that nothing is missed though nothing has changed yet."""
    key = http.key or ""

    async def scenario(ask: Ask) -> None:
        stream = Stream(app, PATH, key)
        head = await stream.start()
        assert head["status"] == 200
        headers = dict(head["headers"])
        assert headers[b"content-type"] == b"text/event-stream"
        assert headers[b"cache-control"] == b"no-store"
        assert headers[b"x-request-id"]
        kind, begun, document = await stream.event()
        assert (kind, document["changes"]) == ("changes", [])
        assert begun == document["cursor"]
        await upsert(ask, "a", "b")
        kind, last, document = await stream.told()
        assert ids(document) == ["a", "b"]
        # A silent stream says that it lives, and up to when all was told.
        _, later, silent = await stream.event()
        assert (silent["changes"], silent["cursor"]) == ([], later)
        assert silent["complete_until"] >= document["complete_until"]
        brief = {"vectors": [{"id": "b", "vector": [1, 2, 3], "ttl_seconds": 0.1}]}
        assert (await ask("POST", "/v1/namespaces/books/vectors", json=brief)).status_code == 200
        await stream.told()
        _, last, document = await stream.told()
        assert [(one["kind"], one["id"]) for one in document["changes"]] == [("expire", "b")]
        await stream.leave()
        await upsert(ask, "c")
        for place, expected in ((last, ["c"]), (begun, ["a", "b", "b", "b", "c"])):
            # What an address once said of where to begin is over.
            again = Stream(app, PATH, key, query="from=beginning", last=place)
            _, _, document = await again.event()
            assert ids(document) == expected
            await again.leave()

    run(app, key, scenario)


def test_its_end_has_a_reason(
    app: Edge, http: Client, books: str, make_key: MakeKey, database: Database
) -> None:
    """The namespace is deleted, or the key revoked: a problem is the last event."""
    key, other = http.key or "", make_key("read")

    async def scenario(ask: Ask) -> None:
        await upsert(ask, "a")
        stream = Stream(app, PATH, other)
        assert (await stream.event())[0] == "changes"
        mine = await ask("GET", "/v1/keys")
        revoked = next(one for one in mine.json()["keys"] if other.split("_")[2] == one["id"])
        assert (await ask("DELETE", f"/v1/keys/{revoked['id']}")).status_code == 200
        kind, place, problem = await stream.told()
        assert (kind, place, problem["code"]) == ("problem", None, "unauthenticated")
        assert (await stream.event())[0] == ""
        await stream.task
        stream = Stream(app, PATH, key)
        assert (await stream.event())[0] == "changes"
        assert (await ask("DELETE", "/v1/namespaces/books")).status_code == 200
        kind, _, problem = await stream.told()
        assert (kind, problem["code"], problem["status"]) == ("problem", "namespace_not_found", 404)
        assert (await stream.event())[0] == ""
        await stream.task

    run(app, key, scenario)


def test_a_stream_is_an_open_feed_and_ends_when_the_server_stops(app: Edge, http: Client, books: str) -> None:
    """Its place is free when its client has left it. What is wrong before it begins is an answer as any other."""
    key = http.key or ""

    async def scenario(ask: Ask) -> None:
        streams = [Stream(app, PATH, key) for _ in range(2)]
        for stream in streams:
            assert (await stream.event())[0] == "changes"
        third = Stream(app, PATH, key)
        assert (await third.start())["status"] == 429
        assert b"too_many_feeds" in await third.body()
        await streams[0].leave()
        fourth = Stream(app, PATH, key)
        assert (await fourth.event())[0] == "changes"
        for stream in (streams[1], fourth):
            stream.stopping.set()
            assert (await stream.told())[0] == ""
            await stream.task
        wrong = Stream(app, PATH, key, query="cursor=x")
        assert (await wrong.start())["status"] == 400
        await wrong.leave()

    run(app, key, scenario)


def test_a_stream_lasts_so_long_and_has_one_usage_line(database: Database, http: Client, books: str) -> None:
    """With what it sent: a read for each 64 KB."""
    lines: list[bytes] = []
    short = create_app(
        database, ApiSettings(feed_pause_seconds=0.01, stream_seconds_max=0.1), take_line=lines.append
    )
    http.post(
        f"{books}/vectors",
        {"vectors": [{"id": f"r{n}", "vector": [1, 2, 3], "metadata": {"t": "x" * 900}} for n in range(100)]},
    )

    async def scenario(ask: Ask) -> None:
        stream = Stream(short, PATH, http.key or "", query="from=beginning&include_metadata=true")
        assert len(ids((await stream.event())[2])) == 100
        assert (await stream.told())[0] == ""
        await stream.task

    run(short, http.key or "", scenario)
    line = httpx.Response(200, content=lines[-1]).json()
    assert (line["op"], line["status"], line["records"], line["read_units"]) == (
        "follow_changes",
        200,
        100,
        2,
    )


def test_where_requests_end_within_seconds_there_are_none(
    database: Database, http: Client, books: str
) -> None:
    """The refusal says what to do instead; whoever takes JSON as well gets that refusal, too."""
    lambda_like = create_app(database, ApiSettings(streams=False))
    with Client(lambda_like, http.key) as client:
        for accept in ("text/event-stream", "application/json, text/event-stream;q=0.9"):
            answer = client.get(PATH, headers={"Accept": accept})
            assert "wait" in refused(answer, 406, "no_event_stream", "Accept")["hint"]
        assert client.get(PATH, headers={"Accept": "*/*"}).status_code == 200
