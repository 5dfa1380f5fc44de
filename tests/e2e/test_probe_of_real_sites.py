"""The health probe's look at what it is for: a real server, and the real Worker under workerd."""

from __future__ import annotations

from pathlib import Path

from quartzdb.adapters.embedded.sqlite_api_keys import SqliteApiKeys
from quartzdb.adapters.embedded.sqlite_database import SqliteDatabase
from quartzdb.adapters.http.http_probe import HttpProbe, ProbedOrigin
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Reason
from quartzdb.routing.probe.canary import CANARY_TENANT, canary_key
from tests.doubles.memory_api_keys import MemoryApiKeys
from tests.server_process import ServerProcess
from tests.worker_site import give_keys, worker_site

CANARY_SECRET = "c" * 48
ORIGIN_SECRET = "a secret of the edge and the Worker"
PATIENT_MS = 60_000
"""A busy machine is no outage here."""


def _probe(origin: Origin, url: str, key: str, secret: str = "") -> HttpProbe:
    probed = ProbedOrigin(origin, url, lambda: key, lambda: secret)
    return HttpProbe(probed, SystemClock(), deadline_ms=PATIENT_MS)


def test_a_server_is_well_until_it_is_killed(tmp_path: Path) -> None:
    """It has never heard of the canary's namespace, and makes it at the first insert."""
    server = ServerProcess(tmp_path / "data")
    try:
        with SqliteDatabase(tmp_path / "data" / "catalog.db") as database:
            key = canary_key(SqliteApiKeys(database), SystemClock(), CANARY_SECRET)
        probe = _probe(Origin.AWS, server.url, key)
        assert [probe.probe().reason for _ in range(3)] == [None] * 3
        assert _probe(Origin.AWS, server.url, "qdb_live_wrong").probe().reason is Reason.NOT_ADMITTED
    finally:
        server.kill()
    assert probe.probe().reason is Reason.REFUSED


def test_the_worker_is_well_once_it_knows_the_canary(tmp_path: Path) -> None:
    """Before that, and without the origin secret, it does not admit the probe."""
    keys = MemoryApiKeys()
    key = canary_key(keys, SystemClock(), CANARY_SECRET)
    with worker_site(tmp_path, ORIGIN_SECRET=ORIGIN_SECRET) as site:
        probe = _probe(Origin.CLOUDFLARE, site.url, key, ORIGIN_SECRET)
        assert probe.probe().reason is Reason.NOT_ADMITTED
        give_keys(
            site.url,
            keys.list(CANARY_TENANT),
            headers={"X-QuartzDB-Origin-Secret": ORIGIN_SECRET},
        )
        assert [probe.probe().reason for _ in range(3)] == [None] * 3
        assert _probe(Origin.CLOUDFLARE, site.url, key).probe().reason is Reason.NOT_ADMITTED
    assert probe.probe().reason is Reason.REFUSED
