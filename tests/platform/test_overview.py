"""How a project does: the latest 24 hours by hour, and nothing of what was before."""

from __future__ import annotations

import pytest

from quartzdb_platform.domain.calendar import HOUR_MS
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.metering import places
from quartzdb_platform.ports import Put
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
