"""What the tests of all packages have: a server that they are told of, and names that no namespace has there."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Iterator

import pytest

from quartzdb_client import Client

_RUN = secrets.token_hex(4)  # a server that somebody has running may have seen these tests before
_NUMBERS = itertools.count()

# The server speaks plain HTTP, and each of the hundreds of clients would load the system's certificates, which takes
# most of their time: here are none.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = os.path.dirname(__file__)
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # read when it is imported


@pytest.fixture
def namespace() -> str:
    """A name that no namespace has."""
    return f"test-{_RUN}-{next(_NUMBERS)}"


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Of the server in QUARTZDB_URL."""
    with Client() as made:
        yield made
