"""Servers of the protocol as users start them, and the SDK's own client; behind them the database in QUARTZDB_URL."""

from __future__ import annotations

import os
import queue
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio
import httpx2
import pytest
import uvicorn
from mcp import Client as McpClient
from mcp import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from quartzdb_client import AsyncClient, Client
from quartzdb_mcp.choice import Choice
from quartzdb_mcp.database import Database, Served
from quartzdb_mcp.http import PATH, Address, Door, prepared
from quartzdb_mcp.names import ANSWER_CHARACTERS
from quartzdb_mcp.server import made

COMMAND = [sys.executable, "-m", "quartzdb_mcp"]
TLS = ssl.create_default_context()  # one for all: making it takes longer than what is tested
TOKEN = "a token of the tests, long enough"
RECORDS = [
    {
        "id": "dune",
        "vector": [0.9, 0.1, 0],
        "metadata": {"title": "Dune", "year": 1965, "by": {"name": "Herbert"}},
    },
    {
        "id": "emma",
        "vector": [0, 0.2, 0.9],
        "metadata": {"title": "Emma", "year": 1815, "by": {"name": "Austen"}},
    },
    {
        "id": "ubik",
        "vector": [0.8, 0.3, 0.1],
        "metadata": {"title": "Ubik", "year": 1969, "by": {"name": "Dick"}},
    },
]


def environment(**more: str) -> dict[str, str]:
    """Of a server: where the database is, and what is added."""
    return {
        "PATH": os.environ["PATH"],
        "QUARTZDB_URL": os.environ["QUARTZDB_URL"],
        "QUARTZDB_API_KEY": os.environ["QUARTZDB_API_KEY"],
        **more,
    }


def stdio(*options: str, **variables: str) -> StdioServerParameters:
    """A server on stdio, for the SDK's client to start."""
    return StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], *options], env=environment(**variables)
    )


@contextmanager
def serving(
    *,
    write: bool = False,
    key: str | None = None,
    token: str | None = None,
    characters: int = ANSWER_CHARACTERS,
    opened: Callable[[], AsyncClient] | None = None,
) -> Iterator[str]:
    """A server on HTTP, in a thread: its address. `opened` is its way to the database, the usual one without it."""
    door = Door(Address("127.0.0.1", 0), (), token)
    listening = door.listen()
    port = listening.getsockname()[1]
    open_ = opened or Served(os.environ["QUARTZDB_URL"], key or os.environ["QUARTZDB_API_KEY"]).open
    started: queue.SimpleQueue[uvicorn.Server] = queue.SimpleQueue()

    async def answer() -> None:
        async with open_() as client:
            server = prepared(made(Database(client, characters), Choice(write=write)), door, port)
            started.put(server)
            await server.serve(sockets=[listening])

    thread = threading.Thread(target=anyio.run, args=(answer,))
    thread.start()
    server = started.get(timeout=20)
    try:
        yield f"http://127.0.0.1:{port}{PATH}"  # whoever asks before it answers waits for it
    finally:
        server.should_exit = True
        thread.join()


@asynccontextmanager
async def session(url: str, token: str | None = None) -> AsyncIterator[McpClient]:
    """The SDK's client, with a server on HTTP."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, verify=TLS, timeout=30) as http,
        McpClient(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def a_key(scopes: Sequence[str], namespaces: Sequence[str] | None = None) -> str:
    """A key of the database."""
    made = httpx2.post(
        f"{os.environ['QUARTZDB_URL']}/v1/keys",
        headers={"Authorization": f"Bearer {os.environ['QUARTZDB_API_KEY']}"},
        verify=TLS,
        json={
            "name": "agent",
            "scopes": list(scopes),
            "namespaces": None if namespaces is None else list(namespaces),
        },
    )
    key: str = made.raise_for_status().json()["key"]
    return key


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Where a server with all tools listens."""
    with serving(write=True) as url:
        yield url


@pytest.fixture
def books(client: Client, namespace: str) -> str:
    """A namespace of three books, with a text field and vectors."""
    made = client.create_namespace(namespace, dimension=3, text={"title": {}})
    made.upsert(RECORDS)
    made.kv.put("greeting", "good morning")
    return namespace
