"""Health says for real whether storage answers and the index can be searched, to anybody, and nothing else."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.errors import Corrupted, Unavailable
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.maintenance.embedded_maintenance import EmbeddedMaintenance
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client

PATHS = ("/health", "/v1/health")


@pytest.fixture
def probe(database: Database) -> Iterator[Client]:
    """An application that finds out its health anew each time."""
    settings = ApiSettings(health_cache_seconds=0, health_seconds_max=0.3)
    with Client(create_app(database, settings)) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_a_working_deployment_is_healthy(probe: Client, path: str) -> None:
    """With exactly the contract's fields."""
    answer = probe.get(path)
    document = answer.json()
    assert answer.status_code == 200
    assert document.pop("uptime_seconds") >= 0
    assert document == {
        "status": "healthy",
        "service": "QuartzDB",
        "version": "0.2.0",
        "checks": {"storage": "ok", "vector_index": "ok"},
    }


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("error", [Unavailable("The disk is at /secret/place."), OSError("no")])
def test_storage_that_does_not_answer_is_503(
    probe: Client, database: Database, monkeypatch: pytest.MonkeyPatch, path: str, error: Exception
) -> None:
    """Without saying why: anybody may ask."""
    monkeypatch.setattr(type(database.catalog), "get", failing(error))
    answer = probe.get(path)
    assert answer.status_code == 503
    assert answer.json()["status"] == "degraded"
    assert answer.json()["checks"]["storage"] == "fail"
    assert "secret" not in answer.text


def test_a_process_that_can_open_no_more_files_is_503(probe: Client) -> None:
    """Though what it has open goes on working: soon nothing would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert probe.get("/health").status_code == 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))  # what is closed meanwhile makes no room
    try:
        answer = probe.get("/health")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert answer.status_code == 503
    assert answer.json()["checks"]["storage"] == "fail"
    assert probe.get("/health").status_code == 200


def test_a_disk_that_takes_no_more_is_503(probe: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Though what is there can still be read; the log has a line for each look, and no traceback."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (0, hard)
    )  # a file may have no bytes: the write fails as on a full disk
    try:
        answer = probe.get("/health")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"storage": "fail", "vector_index": "ok"}
    (line,) = [record for record in caplog.records if "health" in record.message]
    assert "storage failed" in line.message
    assert line.exc_info is None
    assert probe.get("/health").status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_damaged_default_namespace_is_503(
    probe: Client, database: Database, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Other namespaces' damage is not everybody's."""
    database.maintenance.run_once()
    monkeypatch.setattr(EmbeddedMaintenance, "damaged", {"default/books": "a", "other/default": "b"})
    assert probe.get(path).status_code == 200
    monkeypatch.setattr(EmbeddedMaintenance, "damaged", {"default/default": "checksum"})
    answer = probe.get(path)
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"storage": "ok", "vector_index": "fail"}
    assert "checksum" not in answer.text


def test_an_index_that_cannot_be_read_is_503(
    probe: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by reading it."""
    namespace, _ = database.namespaces.create("default", "default", NamespaceSettings(384))
    assert probe.get("/health").status_code == 200
    with monkeypatch.context() as patched:
        patched.setattr(type(database.records), "count", failing(Corrupted("A checksum is wrong.")))
        assert probe.get("/health").json()["checks"] == {"storage": "ok", "vector_index": "fail"}
    assert probe.get("/health").status_code == 200
    database.namespaces.delete("default", namespace.name)


def test_a_check_that_hangs_is_a_failed_one(
    probe: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe gets its answer all the same."""
    monkeypatch.setattr(type(database.catalog), "get", lambda *_: time.sleep(1))
    begun = time.monotonic()
    assert probe.get("/health").status_code == 503
    assert time.monotonic() - begun < 0.9


def test_health_is_found_out_at_most_once_a_second(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks more often gets the last finding."""
    looked = []
    get = type(database.catalog).get

    def counted(self: Any, tenant: str, name: str) -> Any:
        looked.append(name)
        return get(self, tenant, name)

    monkeypatch.setattr(type(database.catalog), "get", counted)
    with Client(create_app(database, ApiSettings(health_cache_seconds=60))) as client:
        for _ in range(5):
            assert client.get("/health").status_code == 200
    assert len(looked) == 2
