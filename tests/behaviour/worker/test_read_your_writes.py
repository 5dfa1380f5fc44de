"""A client that writes to the Worker reads at the other site: not before its write is there, or it is told so."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from local.workerd import Workerd
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.replication.peer_settings import ApiKeysGo, PeerSettings
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from quartzdb.wiring.replication import PeerSecrets, embedded_replication, open_replicator, peering_of
from tests.behaviour.http.client import Client, refused
from tests.contracts.http.deployments import SyncClient
from tests.worker_site import SECRET

STANDBY = {"X-QuartzDB-Active": "no"}
PATH = "/v1/namespaces/default"


class Aws:
    """The site beside the Worker, which drives replication when a test says so."""

    def __init__(self, directory: Path, worker: Workerd, tenant: str) -> None:
        secrets = PeerSecrets(lambda: [SECRET])
        clock = SystemClock()
        settings = PeerSettings(
            "aws",
            "cloudflare",
            worker.url,
            api_keys=ApiKeysGo.NOWHERE,
            tenants=frozenset({tenant}),
        )
        open_embedded(EmbeddedSettings(directory))
        adapters = embedded_replication(directory)
        peering = peering_of(settings, secrets, adapters.checkpoints, clock)
        self.database = open_embedded(EmbeddedSettings(directory), peering=peering)
        self._replicator = open_replicator(self.database, settings, secrets, adapters, jitter=lambda: 0.0)
        key = self.database.api_keys.create(tenant, "test", ("read", "write", "admin"))[1]
        app = create_app(self.database, ApiSettings(applied_seconds_max=0.02, applied_pause_seconds=0.01))
        self.http = Client(app, key)

    def replicate(self) -> None:
        """One round, to the end."""
        assert self._replicator.run_once(time.monotonic() + 30).failed == 0

    def close(self) -> None:
        """Let go of connections."""
        self._replicator.rest()
        self.http.close()


QUESTIONS: list[dict[str, Any]] = [
    {"vector": [1.0] * 384, "recall": 1},
    {"vector": [1.0] * 384, "distinct": "n"},
]


@pytest.mark.parametrize("question", QUESTIONS, ids=["vector", "distinct"])
def test_what_was_written_to_the_worker_is_read_here_or_refused(
    site: Workerd, http: SyncClient, tenant: str, tmp_path: Path, question: dict[str, Any]
) -> None:
    """Without a token the answer says how far behind it is; with the write's version it has the write, or there is
    none.
    """
    aws = Aws(tmp_path, site, tenant)
    first = http.post("/api/vector/insert", {"id": "a", "vector": [1.0] * 384, "metadata": {"n": 1}})
    aws.replicate()
    second = http.post("/api/vector/insert", {"id": "b", "vector": [0.5] * 384, "metadata": {"n": 2}})
    tokens = [answer.headers["x-quartzdb-version"] for answer in (first, second)]
    assert tokens == sorted(tokens)

    def ask(**more: Any) -> Any:
        return aws.http.post(f"{PATH}/query", {**question, **more}, headers=STANDBY)

    # A feed is told up to the millisecond before it is asked; by now the first write is older than that.
    had = ask(version=tokens[0])
    if had.status_code != 200:
        aws.replicate()
        had = ask(version=tokens[0])
    assert {"a"} <= {match["id"] for match in had.json()["matches"]}
    http.delete("/api/vector/delete/a")
    third = http.post("/api/vector/insert", {"id": "c", "vector": [0.25] * 384, "metadata": {"n": 3}})
    token = third.headers["x-quartzdb-version"]
    behind = ask().json()
    assert behind["freshness"]["consistency"] == "eventual"
    assert behind["freshness"]["version"] < token
    assert behind["freshness"]["behind_ms"] >= 0
    assert "c" not in {match["id"] for match in behind["matches"]}
    refused(ask(version=token), 409, "version_not_applied", "version")
    now = ask(version=token)
    while now.status_code == 409:  # a feed is told up to the millisecond before it is asked
        aws.replicate()
        now = ask(version=token)
    assert {match["id"] for match in now.json()["matches"]} == {"b", "c"}
    assert now.json()["freshness"]["version"] >= token[:16]
    aws.close()
