"""One server for all clients, and a proxy before it that fails as scenarios want it to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from clients.conformance.proxy import FaultyProxy
from tests.server_process import ServerProcess


@dataclass(frozen=True)
class Served:
    """Where the proxy and the server itself are, and a key with all scopes."""

    proxy: str
    url: str
    api_key: str


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with (
        ServerProcess(tmp_path_factory.mktemp("clients") / "data") as server,
        FaultyProxy(server.url) as proxy,
    ):
        threading.Thread(target=proxy.serve_forever, name="proxy", daemon=True).start()
        yield Served(proxy.url, server.url, server.key)
        proxy.shutdown()
