"""Fixtures of the Worker's tests: one site per module, and a fresh tenant of it for each test."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from local.workerd import Workerd
from tests.behaviour.worker.peer import Peer
from tests.contracts.http.deployments import SyncClient
from tests.worker_site import make_key, worker_site

MakeClient = Callable[..., SyncClient]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workerd]:
    with worker_site(tmp_path_factory.mktemp("worker") / "site") as running:
        yield running


@pytest.fixture
def tenant() -> str:
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def records(site: Workerd, tenant: str) -> Peer:
    return Peer(site.url, tenant, "records")


@pytest.fixture
def keys(site: Workerd, tenant: str) -> Peer:
    return Peer(site.url, tenant, "keys")


@pytest.fixture
def http(site: Workerd, tenant: str) -> Iterator[SyncClient]:
    """A client of the site with a key of the test's tenant."""
    client = SyncClient(site.url, make_key(site, tenant))
    yield client
    client.close()
