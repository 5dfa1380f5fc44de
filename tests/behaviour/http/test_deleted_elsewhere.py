"""A namespace that another process deletes, or makes anew, is seen so by the next query of this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quartzdb.api.app import create_app
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.vector import parse_vector
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded
from tests.behaviour.http.client import Client, refused

QUERY = "/v1/namespaces/n/query"


@pytest.fixture
def there(tmp_path: Path) -> Database:
    """Another process of the same database."""
    return open_embedded(EmbeddedSettings(tmp_path / "data"))


@pytest.fixture
def http(tmp_path: Path, there: Database) -> Iterator[Client]:
    made(there, 3)
    here = open_embedded(EmbeddedSettings(tmp_path / "data"))
    with Client(create_app(here), here.api_keys.create("t", "k", ("read",))[1]) as client:
        yield client


def made(database: Database, dimension: int) -> None:
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(dimension))
    database.records.upsert(namespace, [NewRecord("r", parse_vector([1.0] * dimension))])


@pytest.mark.parametrize("consistency", ["strong", "eventual"])
def test_a_namespace_that_is_deleted_elsewhere_is_gone(
    http: Client, there: Database, consistency: str
) -> None:
    """However often it was asked just before, and however old an answer may be."""
    question = {"vector": [1, 1, 1], "consistency": consistency}
    for _ in range(6):
        assert len(http.post(QUERY, question).json()["matches"]) == 1
    there.namespaces.delete("t", "n")
    refused(http.post(QUERY, question), 404, "namespace_not_found")
    refused(http.post(f"{QUERY}/batch", {"queries": [{"vector": [1, 1, 1]}]}), 404, "namespace_not_found")


def test_a_namespace_that_is_made_anew_elsewhere_is_the_new_one(http: Client, there: Database) -> None:
    """With its own dimension, and without what was in the old one."""
    for _ in range(6):
        assert http.post(QUERY, {"vector": [1, 1, 1]}).status_code == 200
    there.namespaces.delete("t", "n")
    made(there, 2)
    assert len(http.post(QUERY, {"vector": [1, 1]}).json()["matches"]) == 1
    refused(http.post(QUERY, {"vector": [1, 1, 1]}), 400, "dimension_mismatch")
