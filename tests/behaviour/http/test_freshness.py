"""Reads from the site that is not the active one: how far behind they are, and version tokens of the other site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.schemas import aggregates, changes, keyvalue, namespaces, vectors
from quartzdb.api.schemas.model import Document
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.hlc import Version, stamp_at
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.text_fields import TextField
from quartzdb.replication.applied import AppliedChanges
from quartzdb.replication.ports import Checkpoint, Direction, Feed
from quartzdb.replication.site_endpoint import Peering
from quartzdb.wiring.embedded import EmbeddedSettings, assemble, embedded_adapters
from tests.behaviour.http.client import Client, refused
from tests.doubles.memory_checkpoints import MemoryCheckpoints
from tests.manual_clock import ManualClock

PATH = "/v1/namespaces/shelf"
STANDBY = {"X-QuartzDB-Active": "no"}
READS: dict[str, tuple[str, str, Any]] = {
    "vector": ("POST", "/query", {"vector": [1, 0]}),
    "text": ("POST", "/query", {"text": {"query": "desert"}}),
    "hybrid": ("POST", "/query", {"vector": [1, 0], "text": {"query": "desert"}}),
    "groups": ("POST", "/query", {"text": {"query": "desert"}, "group_by": {"field": "year"}}),
    "batch": ("POST", "/query/batch", {"queries": [{"vector": [1, 0]}, {"text": {"query": "desert"}}]}),
    "list": ("POST", "/vectors/list", {}),
    "ids": ("GET", "/vectors", None),
    "record": ("GET", "/vectors/dune", None),
    "fetch": ("POST", "/vectors/fetch", {"ids": ["dune"]}),
    "count": ("POST", "/vectors/count", {}),
    "aggregate": ("POST", "/aggregate", {}),
    "schema": ("GET", "/schema", None),
    "describe": ("GET", "", None),
    "items": ("GET", "/kv", None),
    "batch of items": ("POST", "/kv-batch/get", {"keys": ["k"]}),
}
SHAPES: dict[str, type[Document]] = {
    "/query": vectors.QueryResult,
    "/query/batch": vectors.QueryBatchAnswer,
    "/vectors/list": vectors.RecordPage,
    "/vectors": vectors.IdPage,
    "/vectors/dune": vectors.RecordDocument,
    "/vectors/fetch": vectors.Fetched,
    "/vectors/count": vectors.CountResult,
    "/aggregate": aggregates.AggregateAnswer,
    "/schema": aggregates.FieldsAnswer,
    "": namespaces.NamespaceDescription,
    "/kv": keyvalue.ItemPage,
    "/kv-batch/get": keyvalue.ItemsFound,
    "/changes": changes.ChangePage,
    "/kv-changes": changes.KeyChangePage,
}
FEEDS = {"changes": ("GET", "/changes", None), "kv-changes": ("GET", "/kv-changes", None)}


class LateCheckpoints(MemoryCheckpoints):
    """The other site's writes come after so many looks: as if a driver ran beside."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.later: dict[int, tuple[Direction, Checkpoint]] = {}

    def read(self, direction: Direction) -> Checkpoint | None:
        """Counted."""
        self.looks += 1
        if self.looks in self.later:
            self.write(*self.later[self.looks])
        return super().read(direction)


class Site:
    """A site called `here`, whose peer is `there`, over HTTP."""

    def __init__(self, directory: Path) -> None:
        self.clock = ManualClock()
        self.checkpoints = LateCheckpoints()

        def shared(_: str, name: str) -> bool:
            return name != "own"

        applied = AppliedChanges("here", "there", self.checkpoints, self.clock, shared)
        adapters = embedded_adapters(EmbeddedSettings(directory), self.clock)
        peering = Peering("here", list, shared=shared, applied=applied)
        self.database = assemble(adapters, writer="here.1", workspace=directory / "building", peering=peering)
        for name in ("shelf", "own"):
            settings = NamespaceSettings(2, text={"body": TextField()})
            self.database.namespaces.create("t", name, settings)
        key = self.database.api_keys.create("t", "test", ("read", "write", "admin"))[1]
        api = ApiSettings(applied_seconds_max=0.03, applied_pause_seconds=0.01)
        self.http = Client(create_app(self.database, api), key)
        record = {"id": "dune", "vector": [1, 0], "metadata": {"body": "A desert planet.", "year": 1965}}
        for name in ("shelf", "own"):
            written = self.http.post(f"/v1/namespaces/{name}/vectors", {"vectors": [record]})
            assert written.status_code == 200, written.text
        self.http.put(f"{PATH}/kv/k", content=b"v")

    @property
    def now_ms(self) -> int:
        """By its clock."""
        return self.clock.unix_ms()

    def has(self, through_ms: int, feed: Feed = Feed.RECORDS) -> tuple[Direction, Checkpoint]:
        """That it has everything up to then."""
        return Direction("there", "here", "t", "shelf", feed), Checkpoint("c", through_ms)

    def ask(self, what: tuple[str, str, Any], path: str = PATH, **more: Any) -> Any:
        """A read, as the router sends it while the other site is the active one; `more`: parameters or fields."""
        method, target, body = what
        if body is None:
            return self.http.request(method, path + target, params=more, headers=STANDBY)
        return self.http.request(method, path + target, json={**body, **more}, headers=STANDBY)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    with site.http:
        yield site


def told(through_ms: int, now_ms: int) -> dict[str, Any]:
    """The `freshness` of an answer."""
    return {
        "consistency": "eventual",
        "behind_ms": now_ms - through_ms,
        "recovery_point_ms": through_ms,
        "version": f"{stamp_at(through_ms):016x}.there",
    }


def test_every_read_says_how_far_behind_it_is(site: Site) -> None:
    """In the answer and in its headers; of key-values by their own feed. What is not known is said to be so."""
    for what in (*READS.values(), *FEEDS.values()):
        unknown = site.ask(what)
        assert unknown.json()["freshness"] == {
            "consistency": "eventual", "behind_ms": None, "recovery_point_ms": None, "version": None,
        }  # fmt: skip
        assert unknown.headers["x-quartzdb-consistency"] == "eventual"
        assert "x-quartzdb-behind-ms" not in unknown.headers
    records, keys = site.now_ms - 2_300, site.now_ms - 700
    site.checkpoints.write(*site.has(records))
    site.checkpoints.write(*site.has(keys, Feed.KEYS))
    site.clock.seconds += 1.5  # what was known before is not remembered for longer
    for name, what in {**READS, **FEEDS}.items():
        through_ms = keys if "items" in name or name.startswith("kv") else records
        answer = site.ask(what)
        assert answer.status_code == 200, answer.text
        assert answer.json()["freshness"] == told(through_ms, site.now_ms), name
        SHAPES[what[1]].model_validate(answer.json())  # as it is described
        assert answer.headers["x-quartzdb-behind-ms"] == str(site.now_ms - through_ms)
        assert answer.headers["x-quartzdb-applied-version"] == answer.json()["freshness"]["version"]
    value = site.http.get(f"{PATH}/kv/k", headers=STANDBY)
    assert value.content == b"v"
    assert value.headers["x-quartzdb-behind-ms"] == str(site.now_ms - keys)
    assert site.ask(READS["count"], dry_run=True).json().keys() == {"dry_run", "usage"}


@pytest.mark.parametrize("said", [None, "yes", "perhaps"])
def test_the_active_site_says_nothing_of_it(site: Site, said: str | None) -> None:
    """Nor does a site that nobody stands in front of; and its checkpoints are not looked at."""
    headers = {} if said is None else {"X-QuartzDB-Active": said}
    answer = site.http.post(f"{PATH}/query", {"text": {"query": "desert"}}, headers=headers)
    assert "freshness" not in answer.json()
    assert "x-quartzdb-consistency" not in answer.headers
    assert site.checkpoints.looks == 0


def test_what_is_not_shared_is_never_behind(site: Site) -> None:
    """Nothing of it comes from the other site: neither is it waited for."""
    there = str(Version(stamp_at(site.now_ms), "there.1"))
    for what in READS.values():
        if what[1] != "/vectors/dune":
            assert "freshness" not in site.ask(what, "/v1/namespaces/own", version=there).json()
    assert site.checkpoints.looks == 0


@pytest.mark.parametrize("name", READS)
def test_a_version_of_the_other_site_is_waited_for(site: Site, name: str) -> None:
    """For a bounded time, then refused; with what is here by then, the answer is as fresh as was asked for."""
    feed = Feed.KEYS if "items" in name else Feed.RECORDS
    version = Version(stamp_at(site.now_ms) + 3, "there.1")
    site.checkpoints.write(*site.has(site.now_ms - 1, feed))
    late = refused(site.ask(READS[name], version=str(version)), 409, "version_not_applied", "version")
    assert "'there'" in late["detail"]
    assert "Retry-After" in late["hint"]
    looks = site.checkpoints.looks
    again = site.ask(READS[name], version=str(version))
    assert again.headers["retry-after"] == "5"
    assert site.checkpoints.looks - looks >= 4  # at first, and after each of three pauses
    site.checkpoints.later[site.checkpoints.looks + 3] = site.has(site.now_ms, feed)
    answer = site.ask(READS[name], version=str(version))
    assert answer.status_code == 200, answer.text
    assert answer.json()["freshness"]["recovery_point_ms"] == site.now_ms
    assert site.ask(READS[name], version=str(version), consistency="eventual").status_code == 200


def test_versions_of_this_site_and_dishonest_ones_are_not_waited_for(site: Site) -> None:
    """They are what they were before there was a second site."""
    own = site.http.post(f"{PATH}/vectors", {"vectors": [{"id": "emma", "vector": [0, 1]}]}).json()["version"]
    assert site.ask(READS["count"], version=own).json()["count"] == 2
    ahead = str(Version(stamp_at(site.now_ms + 60_000), "there.1"))
    refused(site.ask(READS["count"], version=ahead), 400, "invalid_version", "version")
    assert site.http.post(f"{PATH}/vectors/count", {"version": "x"}).status_code == 400


def test_a_version_is_held_against_replication_at_the_active_site_too(site: Site) -> None:
    """After the way back a client may still have tokens of the site that was active before."""
    version = str(Version(stamp_at(site.now_ms), "there.1"))
    refused(site.http.post(f"{PATH}/vectors/count", {"version": version}), 409, "version_not_applied")
    site.checkpoints.write(*site.has(site.now_ms))
    assert site.http.post(f"{PATH}/vectors/count", {"version": version}).json()["count"] == 1


def test_writes_at_the_contract_say_their_version(site: Site) -> None:
    """As the Worker does: what makes a token for reads elsewhere."""
    vector = [0.0] * 383 + [1.0]
    inserted = site.http.post("/api/vector/insert", {"id": "a", "vector": vector})
    batch = site.http.post("/api/vector/batch-insert", {"vectors": [{"id": "b", "vector": vector}]})
    put = site.http.post("/api/put", {"key": "k", "value": "v"})
    gone = (site.http.delete("/api/vector/delete/a"), site.http.delete("/api/delete/k"))
    versions = [
        Version.parse(answer.headers["x-quartzdb-version"]) for answer in (inserted, batch, put, *gone)
    ]
    assert versions == sorted(versions)
    assert {version.site for version in versions} == {"here"}
    assert "x-quartzdb-version" not in site.http.get("/api/vector/stats").headers
    behind = site.http.post("/api/vector/search", {"vector": vector}, headers=STANDBY)
    assert "freshness" not in behind.json()  # a contract stays what it is
    assert behind.headers["x-quartzdb-consistency"] == "eventual"
