"""How a project does: the latest 24 hours by hour, and nothing of what was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from quartzdb_platform.domain.calendar import HOUR_MS
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.metering import places
from quartzdb_platform.metering.overview import Overviews
from quartzdb_platform.metering.usage import Usage
from quartzdb_platform.ports import Change, Document, DocumentTable, Put
from tests.platform.conftest import Site
from tests.platform.test_usage import Project, choose, count, line, project

__all__ = ["project"]  # a fixture of the tests of usage


def test_an_overview_is_of_the_latest_24_hours(site: Site, project: Project) -> None:
    """Of whole hours, the present one last; what is older is usage and no overview."""
    owner, _, project_id = project
    now = site.clock.unix_ms()
    count(
        site,
        line(project_id, now, ms=10.0),
        line(project_id, now, status=429, ms=1.0),
        line(project_id, now - 23 * HOUR_MS, status=503, ms=100.0, op="fetch_vectors"),
        line(project_id, now - 24 * HOUR_MS, ms=5_000.0),
    )
    found = owner.must("GET", f"/projects/{project_id}/overview")
    assert (found["requests"], found["refused"], found["failed"]) == (3, 1, 1)
    assert len(found["hours"]) == 24
    first, last = found["hours"][0], found["hours"][-1]
    assert (first["requests"], first["failed"], last["requests"], last["refused"]) == (1, 1, 2, 1)
    assert first["latency"]["p99_ms"] == pytest.approx(100, rel=0.011)
    assert found["latency"]["p99_ms"] == pytest.approx(10, rel=0.011)  # at rank 2 of 3, as quantiles are here
    assert found["hours"][5] == {**found["hours"][5], "requests": 0, "latency": None, "bytes_held": None}


def test_an_hour_that_nobody_sampled_holds_nothing_known(site: Site, project: Project) -> None:
    """Which is not none."""
    owner, organization, project_id = project
    now = site.clock.unix_ms()
    day = "2023-11-14"
    body = {
        "hours": {"21": 2_000_000},
        "latest": {"bytes": 2_000_000, "vectors": 9, "month": "2023-11", "write_units": 0},
    }
    assert site.table.transact([Put(*places.storage(project_id, day), body, None, places.expires_at_ms(day))])
    hours = owner.must("GET", f"/organizations/{organization}/overview")["hours"]
    assert now // HOUR_MS % 24 == 22
    assert [hour["bytes_held"] for hour in hours[-3:]] == [None, 2_000_000, None]


def test_an_organization_has_its_cap_and_a_project_the_same(site: Site, project: Project) -> None:
    """The cap is on all projects together, and so is what was spent of it."""
    owner, organization, one = project
    choose(site, organization, plan="pro")
    two = owner.must("POST", f"/organizations/{organization}/projects", {"name": "two"})["id"]
    owner.must("PUT", f"/organizations/{organization}/cap", {"dollars": "50"})
    now = site.clock.unix_ms()
    count(site, line(two, now, read_units=4_000_000))
    whole = owner.must("GET", f"/organizations/{organization}/overview")
    assert whole["cap"] == {"dollars": "50", "used_usd": "12"}
    assert whole["month"]["cost_usd"] == "12"
    part = owner.must("GET", f"/projects/{one}/overview")
    assert (part["cap"], part["requests"], part["month"]["cost_usd"]) == (whole["cap"], 0, None)


def test_who_may_see_usage_sees_an_overview(site: Site, project: Project) -> None:
    """Every role, and nobody else."""
    owner, organization, project_id = project
    billing = site.join(owner, organization, "billing@example.com", Role.BILLING)
    assert billing.ask("GET", f"/projects/{project_id}/overview").status_code == 200
    stranger = site.person("eve@example.com")
    assert stranger.ask("GET", f"/projects/{project_id}/overview").status_code == 404


@dataclass
class Reads:
    """A table, and what is asked of it: documents by key, and documents of ranges."""

    table: DocumentTable
    keys: int = 0
    rows: int = 0

    def get(self, pk: str, sk: str) -> Document | None:
        self.keys += 1
        return self.table.get(pk, sk)

    def query(self, pk: str, prefix: str, **how: Any) -> Sequence[Document]:
        found = self.table.query(pk, prefix, **how)
        self.rows += max(1, len(found))
        return found

    def transact(self, changes: Sequence[Change]) -> bool:
        return self.table.transact(changes)

    def taken(self) -> tuple[int, int]:
        found = (self.keys, self.rows)
        self.keys = self.rows = 0
        return found


def test_who_looks_every_few_seconds_reads_next_to_nothing(site: Site, project: Project) -> None:
    """Two keys while nothing is counted; the present day's rows where something was, those of the day before once a
    minute, and of a busy project at most every two seconds.
    """
    _, _, project_id = project
    now = site.clock.unix_ms()
    lines = [line(project_id, now - back * HOUR_MS, namespace=f"n{n}") for n in range(20) for back in (1, 23)]
    count(site, *lines)
    reads = Reads(site.table)
    overviews = Overviews(
        reads, Usage(reads, site.platform.plans, site.clock), site.platform.plans, site.clock
    )

    def look(seconds: float = 5) -> int:
        site.clock.seconds += seconds
        return overviews.of([project_id], "free").requests

    assert (look(0), reads.taken()[1] > 40) == (40, True)
    for _ in range(10):
        assert (look(), reads.taken()) == (40, (2, 0))
    count(site, line(project_id, now))
    assert look(4) == 41
    keys, rows = reads.taken()
    assert keys <= 5
    # Of today 20 namespaces and one more, one sketch of each hour; of yesterday nothing.
    assert rows <= 21 + 3 + 3
    for _ in range(20):
        count(site, line(project_id, site.clock.unix_ms()))
        look(0.05)
    assert reads.taken() == (0, 0)
    assert look(2) == 61
    reads.taken()
    assert look(61) == 61
    assert reads.taken()[1] > 40, "what was counted late is seen within a minute"


def test_a_cap_and_another_plan_are_seen_at_once(site: Site, project: Project) -> None:
    """They are in no counter."""
    owner, organization, _ = project
    path = f"/organizations/{organization}/overview"
    assert owner.must("GET", path)["cap"]["dollars"] is None
    choose(site, organization, plan="pro")
    owner.must("PUT", f"/organizations/{organization}/cap", {"dollars": "7"})
    assert owner.must("GET", path)["cap"]["dollars"] == "7"
