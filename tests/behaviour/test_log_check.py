"""A start looks at the whole log, and takes no longer the more is in it: a large one is looked at beside serving."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import pytest

from quartzdb.adapters.embedded import log_check
from quartzdb.adapters.embedded.log_check import LogCheck
from quartzdb.adapters.embedded.sqlite_integrity import require_whole_log
from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.errors import Corrupted, Unavailable
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded, require_whole
from tests.behaviour.http.client import Client
from tests.embedded import embedded, fill


@pytest.fixture
def data(tmp_path: Path) -> Path:
    site = embedded(tmp_path / "data")
    database = site.open()
    fill(database, site.clock, 20)
    del database
    gc.collect()  # closes its files
    return site.directory


def test_a_small_log_is_looked_at_before_anything_is_served(data: Path) -> None:
    """What is wrong ends the start."""
    require_whole(data).require()
    (data / "log.db").write_bytes((data / "log.db").read_bytes()[:-4096])
    with pytest.raises(Corrupted, match=r"log\.db"):
        require_whole(data)


def test_health_waits_for_a_large_one(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are answered meanwhile."""
    look = threading.Event()

    def slowly(path: Path) -> None:
        assert look.wait(30)
        require_whole_log(path)

    monkeypatch.setattr(log_check, "require_whole_log", slowly)
    check = LogCheck(data / "log.db", at_once_bytes_max=0)
    database = open_embedded(EmbeddedSettings(data), probe=check.require)
    with Client(create_app(database, ApiSettings(health_cache_seconds=0))) as client:
        assert client.get("/health").json()["checks"] == {"storage": "fail", "vector_index": "ok"}
        with pytest.raises(Unavailable, match="still being checked"):
            check.require()
        assert database.records.count(database.namespaces.get("t", "n")) == 20
        look.set()
        check.wait()
        assert client.get("/health").status_code == 200


def test_a_large_one_that_is_damaged_stays_unhealthy(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log says what to do."""
    (data / "log.db").write_bytes((data / "log.db").read_bytes()[:-4096])
    check = LogCheck(data / "log.db", at_once_bytes_max=0)
    check.wait()
    for _ in range(2):
        with pytest.raises(Corrupted, match=r"log\.db"):
            check.require()
    (line,) = caplog.records
    assert "restore" in line.message
