"""Fixtures of the wire contract: `http` is a client of a fresh tenant, of each deployment in turn."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.contracts.http.deployments import DEPLOYMENTS, Asking, Deployment
from tests.package_loggers import loggers_given_back


@pytest.fixture(scope="module")
def _loggers() -> Iterator[None]:
    """The function takes the package's loggers over; they are given back."""
    with loggers_given_back():
        yield


@pytest.fixture(scope="module", params=DEPLOYMENTS)
def deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, _loggers: None
) -> Iterator[Deployment]:
    with DEPLOYMENTS[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="module")
def deployments(tmp_path_factory: pytest.TempPathFactory, _loggers: None) -> Iterator[list[Deployment]]:
    """All of them at once."""
    folder = tmp_path_factory.mktemp("deployments")
    worker, embedded, function = (kind(folder) for kind in DEPLOYMENTS.values())
    with worker as first, embedded as second, function as third:
        yield [first, second, third]


@pytest.fixture
def tenant() -> str:
    return f"t{secrets.token_hex(4)}"


@pytest.fixture
def make_key(deployment: Deployment, tenant: str) -> Callable[..., str]:
    """A key of the test's tenant with some scopes."""
    return lambda *scopes, of=tenant: deployment.make_key(of, *scopes)


@pytest.fixture
def http(deployment: Deployment, make_key: Callable[..., str]) -> Iterator[Asking]:
    """A client with a key that may do everything."""
    client = deployment.client(make_key())
    yield client
    client.close()
