"""A peer that knows only `/api/*`: another QuartzDB over HTTP, and the reference Worker under workerd.

Towards it the present state is written; from it comes what the edge has mirrored.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from quartzdb.adapters.http.cloudflare_peer import CloudflarePeer
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.domain.namespace import Namespace
from quartzdb.replication.ports import Direction, Feed, MirroredWrite
from quartzdb.replication.shared_namespaces import default_namespaces
from quartzdb.replication.streams.contract_streams import ContractStreams
from quartzdb.replication.streams.replicator import Replicator
from quartzdb.replication.streams.round_statistics import RoundStatistics
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.doubles.memory_mirror_queue import HIDDEN_SECONDS, MemoryMirrorQueue
from tests.http_server import serving
from tests.manual_clock import ManualClock
from tests.replica_sites import LocalSite, memory_adapters
from tests.worker_site import make_key, worker_site

TENANT = "default"


def vector(number: int) -> list[float]:
    values = [0.0] * 384
    values[number % 384], values[-1] = 1.0, 0.5
    return values


@dataclass
class Pair:
    """This site, and a peer at an address with a key."""

    local: LocalSite
    clock: ManualClock
    url: str
    key: str
    checkpoints: MemoryCheckpoints = field(default_factory=MemoryCheckpoints)

    def __post_init__(self) -> None:
        self.queue = MemoryMirrorQueue(self.clock)
        # The adapter waits for real answers, whatever the clock of the test says.
        self.api = CloudflarePeer(self.url, lambda: self.key, SystemClock(), site="cloudflare")
        lines = ContractStreams(
            self.local.replica,
            "cloudflare",
            self.api,
            self.queue,
            self.checkpoints,
            self.clock,
            lambda: 1.0,
            self.local.replica.retained_from,
            tenant=TENANT,
        )
        self.replicator = Replicator(lines, self.clock, lambda: 1.0)
        self.sent = 0

    @property
    def namespace(self) -> Namespace:
        return self.local.database.namespaces.default(TENANT)

    def run(self) -> RoundStatistics:
        """As long as it takes for the feeds to give out what is here."""
        self.clock.sleep(10)
        return self.replicator.run_once(self.clock.monotonic() + 1_000)

    def ask(self, method: str, path: str, document: Any = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.url}{path}",
            json=document,
            headers={"Authorization": f"Bearer {self.key}"},
            trust_env=False,
        )

    def mirror(self, method: str, path: str, document: Any = None, **options: Any) -> MirroredWrite:
        """What the edge would send of a write that the peer took."""
        self.sent += 1
        body = options.get("body", b"" if document is None else json.dumps(document).encode())
        write = MirroredWrite(
            options.get("request_id", f"r-{self.sent}"),
            options.get("at_ms", self.clock.unix_ms()),
            method,
            path,
            body,
            "",
        )
        self.queue.send(write)
        return write

    def waiting(self) -> int:
        """Messages that are still in the queue."""
        self.clock.sleep(HIDDEN_SECONDS + 1)
        return len(self.queue.receive())


@contextmanager
def quartzdb(directory: Path) -> Iterator[tuple[str, str]]:
    """A peer of the other kind than the Worker: this very database."""
    site = LocalSite("cloudflare", memory_adapters(SystemClock()), directory / "peer")
    _, key = site.database.api_keys.create(TENANT, "peer", ("read", "write"))
    with serving(create_app(site.database)) as url:
        yield url, key


@contextmanager
def worker(directory: Path) -> Iterator[tuple[str, str]]:
    """The reference Worker."""
    with worker_site(directory / "worker") as site:
        yield site.url, make_key(site, TENANT)


@pytest.fixture(params=[quartzdb, worker], ids=["quartzdb", "worker"])
def pair(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Pair]:
    local = LocalSite("aws", memory_adapters(clock), tmp_path / "local", shared=default_namespaces)
    with request.param(tmp_path) as (url, key):
        pair = Pair(local, clock, url, key)
        yield pair
        pair.api.close()


def test_what_is_written_here_is_written_there(pair: Pair) -> None:
    """Records as patches left them, more of them than one batch takes; texts; and deletions."""
    services, namespace = pair.local.database, pair.namespace
    records = [NewRecord(f"r{n}", np.array(vector(n), np.float32), {"n": n}) for n in range(130)]
    services.records.upsert(namespace, records)
    services.records.patch(namespace, [MetadataPatch("r7", {"n": "patched"}, ())])
    services.key_values.put(namespace, NewItem("a/b é", "grüße".encode(), "text/plain; charset=utf-8"))
    services.key_values.put(namespace, NewItem("gone", b"soon"))
    pair.run()
    assert pair.ask("GET", "/api/vector/get/r129").json()["metadata"] == {"n": 129}
    found = pair.ask("GET", "/api/vector/get/r7").json()
    assert found["metadata"] == {"n": "patched"}
    assert found["vector"] == pytest.approx(vector(7))
    assert pair.ask("GET", "/api/get/a%2Fb%20%C3%A9").json()["value"] == "grüße"
    services.records.delete(namespace, ["r129", "never"])
    services.key_values.delete(namespace, "gone")
    pair.run()
    assert pair.ask("GET", "/api/vector/get/r129").status_code == 404
    assert pair.ask("GET", "/api/get/gone").status_code == 404
    assert all(state.error is None for state in pair.checkpoints.all_checkpoints().values())
    assert pair.run().applied == 0


def test_what_cannot_be_said_there_is_counted(pair: Pair) -> None:
    """Bytes that are no text, and what expires; the rest of the page arrives, and nothing stands still."""
    services, namespace = pair.local.database, pair.namespace
    services.key_values.put(namespace, NewItem("bytes", b"\xff\xfe"))
    services.key_values.put(namespace, NewItem("session", b"secret", ttl_seconds=3_600))
    services.key_values.put(namespace, NewItem("text", b"fine"))
    assert pair.run().unreplayable == 2
    assert pair.ask("GET", "/api/get/text").json()["value"] == "fine"
    assert pair.ask("GET", "/api/get/bytes").status_code == 404
    assert pair.ask("GET", "/api/get/session").status_code == 404
    out = Direction("aws", "cloudflare", TENANT, "default", Feed.KEYS)
    state = pair.checkpoints.read(out)
    assert state is not None
    assert (state.unreplayable, state.error) == (2, None)


def test_a_record_that_expires_is_not_there(pair: Pair) -> None:
    """The peer would show it for ever; also what it had of it before goes."""
    services, namespace, clock = pair.local.database, pair.namespace, pair.clock
    moment = clock.unix_ms() + 3_600_000
    records = [NewRecord(f"r{n}", np.array(vector(n), np.float32), {}) for n in range(2)]
    services.records.upsert(namespace, records)
    pair.run()
    assert pair.ask("GET", "/api/vector/get/r0").status_code == 200
    services.records.patch(namespace, [MetadataPatch("r0", expires_at_ms=moment)])
    assert pair.run().unreplayable == 1
    assert pair.ask("GET", "/api/vector/get/r0").status_code == 404
    services.records.patch(namespace, [MetadataPatch("r0", keeps=True)])
    assert pair.run().unreplayable == 0
    assert pair.ask("GET", "/api/vector/get/r0").json()["metadata"] == {}
    assert pair.ask("GET", "/api/vector/get/r1").status_code == 200


def test_what_the_peer_took_is_here(pair: Pair) -> None:
    """Each kind of write, with the time of its acceptance, and none of it goes back."""
    at = pair.clock.unix_ms()
    pair.mirror("POST", "/api/put", {"key": "greeting", "value": "hello"}, at_ms=at)
    pair.mirror("POST", "/api/put", {"key": "k", "value": "v"}, at_ms=at)
    pair.mirror("DELETE", "/api/delete/k", at_ms=at + 5)
    pair.mirror(
        "POST", "/api/vector/insert", {"id": "one", "vector": vector(1), "metadata": {"a": 1}}, at_ms=at
    )
    batch = [{"id": f"b{n}", "vector": vector(n)} for n in range(3)] + [{"id": "bad", "vector": [1.0]}]
    pair.mirror("POST", "/api/vector/batch-insert", {"vectors": batch}, at_ms=at)
    pair.mirror("DELETE", "/api/vector/delete/b1", at_ms=at + 5)
    pair.mirror("DELETE", "/api/vector/delete", {"id": "b2"}, at_ms=at + 5)
    statistics = pair.run()
    assert statistics.malformed == 0
    services, namespace = pair.local.database, pair.namespace
    item = services.key_values.get(namespace, "greeting")
    assert (item.value, item.version.milliseconds, item.version.site) == (b"hello", at, "cloudflare")
    assert item.content_type == "text/plain; charset=utf-8"
    assert services.key_values.get_many(namespace, ["k"]) == {}
    found = services.records.fetch(namespace, ["one", "b0", "b1", "b2", "bad"])
    assert sorted(found) == ["b0", "one"]
    assert found["one"].metadata == {"a": 1}
    assert pair.waiting() == 0
    pair.run()
    assert pair.ask("GET", "/api/get/greeting").status_code == 404, (
        "the peer has it already, so it was not told"
    )


def test_order_and_repetition_make_no_difference(pair: Pair) -> None:
    """The later acceptance stays, and of one millisecond always the same one."""
    at = pair.clock.unix_ms()
    pair.mirror("POST", "/api/put", {"key": "k", "value": "later"}, at_ms=at + 1, request_id="b")
    pair.run()
    pair.mirror("POST", "/api/put", {"key": "k", "value": "earlier"}, at_ms=at, request_id="a")
    pair.mirror("POST", "/api/put", {"key": "k", "value": "later"}, at_ms=at + 1, request_id="b")
    pair.run()
    assert pair.local.database.key_values.get(pair.namespace, "k").value == b"later"
    values = []
    for order in (("x", "y"), ("y", "x")):
        for request in order:
            pair.mirror(
                "POST", "/api/put", {"key": f"tie-{order}", "value": request}, at_ms=at, request_id=request
            )
            pair.run()
        values.append(pair.local.database.key_values.get(pair.namespace, f"tie-{order}").value)
    assert values[0] == values[1]


def test_a_write_without_its_value_is_looked_up(pair: Pair) -> None:
    """By its name; what is gone by then, or was never done, changes nothing."""
    pair.ask("POST", "/api/put", {"key": "large/é", "value": "x" * 1_000})
    pair.ask("POST", "/api/vector/insert", {"id": "one", "vector": vector(1), "metadata": {"a": 1}})
    pair.ask("POST", "/api/put", {"key": "kept", "value": "still there"})
    services, namespace = pair.local.database, pair.namespace
    services.key_values.put(namespace, NewItem("deleted", b"x"))
    pair.clock.sleep(1)
    pair.mirror("POST", "/api/put/large%2F%C3%A9", body=None)
    pair.mirror("POST", "/api/vector/insert/one", body=None)
    pair.mirror("POST", "/api/put/never", body=None)
    pair.mirror("DELETE", "/api/delete/kept", body=None)
    pair.mirror("DELETE", "/api/delete/deleted", body=None)
    # The mirror alone: the key that is to be deleted must not be written there before it is looked up.
    statistics = RoundStatistics()
    pair.replicator._streams.refresh()[-1].run(statistics)
    assert statistics.malformed == 0
    assert services.key_values.get(namespace, "large/é").value == b"x" * 1_000
    assert services.records.fetch_one(namespace, "one").metadata == {"a": 1}
    assert services.key_values.get_many(namespace, ["never", "kept", "deleted"]) == {}
    assert pair.waiting() == 0


def test_what_nobody_can_apply_is_put_aside(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """It is counted, told with its tenant, and left to the queue; the others beside it are applied."""
    pair.mirror("POST", "/api/put", {"key": "", "value": "x"})
    pair.mirror("POST", "/api/put", body=b"{")
    pair.mirror("PATCH", "/api/put", {"key": "k", "value": "x"})
    pair.mirror("POST", "/api/vector/insert", {"id": "short", "vector": [1.0]})
    pair.mirror("POST", "/api/vector/batch-insert", body=None)
    pair.mirror("", "", body=None)
    pair.mirror("POST", "/api/put", {"key": "good", "value": "x"})
    assert pair.run().malformed >= 6
    assert pair.local.database.key_values.get(pair.namespace, "good").value == b"x"
    assert pair.waiting() == 6
    told = [one.getMessage() for one in caplog.records if "cannot be applied" in one.getMessage()]
    assert len(told) >= 6
    assert all(f"(tenant {TENANT})" in message for message in told)


def test_a_peer_that_is_away_is_tried_again(pair: Pair) -> None:
    """Nothing is lost, and the lag is not told as zero."""
    right, pair.key = pair.key, "no key of yours"
    pair.local.database.key_values.put(pair.namespace, NewItem("k", b"v"))
    assert pair.run().failed > 0
    states = pair.checkpoints.all_checkpoints()
    out = Direction("aws", "cloudflare", TENANT, "default", Feed.KEYS)
    assert states[out].error is not None
    assert states[out].pending == 1
    assert not states[out].stopped
    pair.key = right
    pair.clock.sleep(60)
    pair.run()
    assert pair.ask("GET", "/api/get/k").json()["value"] == "v"


def test_a_gap_is_made_good_by_writing_everything_once_more(pair: Pair) -> None:
    """Such a peer cannot say what it has. What its feed has lost is in the segments, and comes from there."""
    services, namespace = pair.local.database, pair.namespace
    out = Direction("aws", "cloudflare", TENANT, "default", Feed.RECORDS)
    pair.run()
    written = services.records.upsert(namespace, [NewRecord("old", np.array(vector(1), np.float32), {})])
    pair.clock.sleep(100)
    services.indexer.fold(namespace)
    pair.local.adapters.log.trim(namespace.partition, written.stamp)
    services.readers.of(namespace).reload()
    assert pair.run().gaps == 1
    assert pair.ask("GET", "/api/vector/get/old").status_code == 200
    state = pair.checkpoints.read(out)
    assert state is not None
    assert state.error is None
    assert state.through_ms > 0
