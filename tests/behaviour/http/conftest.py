"""Fixtures of the HTTP tests: one real database per module, and a fresh tenant of it for each test."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.edge import Edge
from quartzdb.api.settings import ApiSettings
from quartzdb.replication.site_endpoint import Peering
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded
from tests.behaviour.http.client import Client

MakeKey = Callable[..., str]


SECRETS = ["the present secret of the two sites", "the one before, still good"]
SHARED_TENANT = "both"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One of two sites, which share the namespaces of one tenant."""
    peering = Peering("local", lambda: SECRETS, shared=lambda tenant, _: tenant == SHARED_TENANT)
    return open_embedded(EmbeddedSettings(tmp_path_factory.mktemp("database")), peering=peering)


@pytest.fixture(scope="module")
def app(database: Database) -> Edge:
    # Many of these tests send keys that are not good, all from one address.
    return create_app(database, ApiSettings(failures_burst=10_000))


@pytest.fixture
def tenant() -> str:
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def make_key(database: Database, tenant: str) -> MakeKey:
    """A key of the test's tenant with some scopes."""

    def make(*scopes: str, of: str = tenant) -> str:
        return database.api_keys.create(of, "test", scopes or ("read", "write", "admin"))[1]

    return make


@pytest.fixture
def http(app: Edge, make_key: MakeKey) -> Iterator[Client]:
    """A client with a key that may do everything."""
    with Client(app, make_key()) as client:
        yield client


@pytest.fixture
def books(http: Client) -> str:
    """The path of a namespace of three dimensions."""
    assert http.post("/v1/namespaces", {"name": "books", "dimension": 3}).status_code == 201
    return "/v1/namespaces/books"
