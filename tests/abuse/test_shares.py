"""One key's share of a process: requests under way, and bytes that are held for them until they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.edge import Edge
from quartzdb.api.refusals import Overloaded, TooManyUnderWay
from quartzdb.api.settings import ApiSettings
from quartzdb.api.shares import Shares
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.keyvalue import NewItem
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded
from tests.behaviour.http.client import Client, refused


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = open_embedded(EmbeddedSettings(tmp_path / "data"))
    namespace, _ = database.namespaces.create("t", "kv", NamespaceSettings())
    database.key_values.put(namespace, NewItem("large", bytes(60_000)))
    return database


@pytest.fixture
def app(database: Database) -> Edge:
    """One key has three requests under way, and holds 100,000 bytes."""
    return create_app(database, ApiSettings(requests_of_key_max=3, bodies_bytes_max=200_000))


@pytest.fixture
def http(app: Edge, database: Database) -> Iterator[Client]:
    with Client(app, database.api_keys.create("t", "k", ("read", "write"))[1]) as client:
        yield client


def test_a_key_that_never_finishes_leaves_room_for_others(http: Client, database: Database) -> None:
    """513 bodies that trickled, of one key, had everybody else refused. Now only that key waits for itself."""
    other = database.api_keys.create("t", "other", ("read",))[1]
    begun, done = asyncio.Semaphore(0), asyncio.Event()

    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        begun.release()
        await done.wait()
        yield b'"keys":["none"]}'

    path = "/v1/namespaces/kv/kv-batch/get"
    json = {"Content-Type": "application/json"}

    async def ask() -> tuple[Any, Any, list[Any]]:
        send = http._client.request
        mine = {**json, "Authorization": f"Bearer {http.key}"}
        slow = [asyncio.create_task(send("POST", path, content=trickle(), headers=mine)) for _ in range(3)]
        for _ in slow:
            await begun.acquire()
        fourth = await send("GET", "/v1/namespaces/kv/kv", headers=mine)
        theirs = await send("GET", "/v1/namespaces/kv/kv", headers={"Authorization": f"Bearer {other}"})
        done.set()
        return fourth, theirs, await asyncio.gather(*slow)

    fourth, theirs, slow = http._loop.run_until_complete(ask())
    refused(fourth, 429, "too_many_under_way")
    assert fourth.headers["retry-after"] == "1"
    assert theirs.status_code == 200
    assert [answer.status_code for answer in slow] == [200, 200, 200]
    assert http.get("/v1/namespaces/kv/kv").status_code == 200


def test_an_answer_is_held_until_it_is_sent(app: Edge, http: Client) -> None:
    """Answers that nobody reads held 1.7 GB. What does not fit beside them is refused until they are read."""

    async def run() -> None:
        sending, reading = asyncio.Event(), asyncio.Event()

        async def get(wait: bool) -> int:
            status = 0

            async def receive() -> Any:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: Any) -> None:
                nonlocal status
                status = message.get("status", status)
                if wait and message["type"] == "http.response.body":
                    sending.set()
                    await reading.wait()

            path = "/v1/namespaces/kv/kv/large"
            await app(
                {
                    "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
                    "headers": [(b"x-api-key", str(http.key).encode())], "client": ("192.0.2.1", 1),
                },
                receive,
                send,
            )  # fmt: skip
            return status

        first = asyncio.create_task(get(wait=True))
        await sending.wait()
        assert await get(wait=False) == 503
        reading.set()
        assert await first == 200
        assert await get(wait=False) == 200

    http._loop.run_until_complete(run())


def test_a_share_is_given_back_whole() -> None:
    """Whatever was held, refused holds included; and of who has no requests nothing is remembered."""
    shares = Shares(bytes_max=100, requests_of_key_max=2, requests_of_tenant_max=3)
    one, two = shares.begin("t", "a"), shares.begin("t", "a")
    with pytest.raises(TooManyUnderWay) as refused_key:
        shares.begin("t", "a")
    assert "This key has 2 " in refused_key.value.message
    one.hold(50)
    with pytest.raises(Overloaded):
        two.hold(1)
    other = shares.begin("t", "b")
    other.hold(25)
    for share in (one, two, other):
        share.end()
    assert (shares.held, shares.of_key, shares.of_tenant) == (0, {}, {})


def test_a_tenant_with_many_keys_leaves_room_for_another() -> None:
    """In requests and in bytes; a key's name in one tenant says nothing of the same name in another."""
    shares = Shares(bytes_max=100, requests_of_key_max=2, requests_of_tenant_max=3)
    begun = [shares.begin("t", key) for key in ("a", "b", "c")]
    with pytest.raises(TooManyUnderWay) as refused_tenant:
        shares.begin("t", "d")
    assert "This tenant has 3 " in refused_tenant.value.message
    for share in begun:
        share.hold(25)
    with pytest.raises(Overloaded):
        begun[0].hold(1)
    other = shares.begin("u", "a")
    other.hold(25)
    for share in (*begun, other):
        share.end()
    assert (shares.held, shares.of_key, shares.of_tenant) == (0, {}, {})
