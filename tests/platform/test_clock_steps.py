"""A clock that is far ahead for a while, and then right again: nothing is lost, made too early, or held up by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from quartzdb_platform.audit.log import Actor
from quartzdb_platform.domain.calendar import DAY_MS, month_end_ms
from quartzdb_platform.metering.statements import SETTLED_MS
from quartzdb_platform.plans.plan_file import load_plans
from tests.platform.conftest import Person, Site
from tests.platform.test_usage import count, line

YEAR_SECONDS = 366 * 86_400
FREE = load_plans().versions[0].of("free")


@pytest.fixture
def project(site: Site) -> tuple[Person, str, str]:
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    made = owner.must("POST", f"/organizations/{organization}/projects", {"name": "p"})
    return owner, organization, made["id"]


@contextmanager
def ahead(site: Site, seconds: float = YEAR_SECONDS) -> Iterator[None]:
    site.clock.seconds += seconds
    yield
    site.clock.seconds -= seconds


def test_rates_hold_nobody_up(site: Site) -> None:
    """What was counted at a time to come makes nobody wait for it; a rate is a rate all the same."""
    sign_in = {"email": "ada@example.com"}
    with ahead(site):
        assert site.http.post("/platform/v1/sign-in", json=sign_in).status_code == 202
    statuses = [site.http.post("/platform/v1/sign-in", json=sign_in).status_code for _ in range(6)]
    assert statuses == [202] * 5 + [429]


def test_sessions_go_on(site: Site, project: tuple[Person, str, str]) -> None:
    """Whoever asked meanwhile was refused, and is signed in as before."""
    owner, organization, _ = project
    with ahead(site):
        assert owner.ask("GET", "/session").status_code == 401
    assert owner.must("GET", f"/organizations/{organization}")["role"] == "owner"


def test_what_is_used_up_stays_so(site: Site, project: tuple[Person, str, str]) -> None:
    """The month that seemed to begin lifts a block; the first line that is counted in the real one sets it again."""
    _, _, project_id = project
    count(site, line(project_id, site.clock.unix_ms(), read_units=FREE.included.read_units))
    site.platform.caps.run(0)
    with ahead(site):
        site.platform.caps.run(0)
        assert site.database.tenants.grant(project_id).reads_blocked is None
    count(site, line(project_id, site.clock.unix_ms()))
    site.platform.caps.run(0)
    block = site.database.tenants.grant(project_id).reads_blocked
    assert block is not None
    assert (block.limit, block.until_ms) == ("read_units", month_end_ms("2023-11"))


def test_no_statement_is_made_of_a_month_that_is_not_over(
    site: Site, project: tuple[Person, str, str]
) -> None:
    """It would stay for good. Once the month is over, it has its own."""
    _, organization, project_id = project
    site.platform.plan_changes.set(organization, "pro", Actor("operator", ""))
    run = site.platform.statements.run
    with ahead(site):
        for _ in range(20):
            assert run(site.clock.unix_ms()) == 0
            site.clock.seconds += 60
        site.clock.seconds -= 20 * 60
    assert run(site.clock.unix_ms()) == 0
    count(site, line(project_id, site.clock.unix_ms()))
    site.clock.seconds = (month_end_ms("2023-11") + 3 * DAY_MS) / 1_000
    run(site.clock.unix_ms())
    site.clock.seconds += SETTLED_MS / 1_000
    assert run(site.clock.unix_ms()) == 1
    assert [one.month for one in site.platform.statements.closed(organization)] == ["2023-11"]


def test_the_audit_log_stays_whole_and_is_found_by_time(site: Site, project: tuple[Person, str, str]) -> None:
    """Events are in the order in which they happened, whatever their times say."""
    owner, organization, _ = project
    path = f"/organizations/{organization}"
    with ahead(site, 3 * 86_400):
        owner.must("PATCH", path, {"name": "Ahead"})
    owner.must("PATCH", path, {"name": "Back"})
    assert owner.must("GET", f"{path}/audit/verify")["whole"]
    assert [one["action"] for one in owner.must("GET", f"{path}/audit")][:2] == ["organization.rename"] * 2
    site.clock.seconds += 3 * 86_400
    owner.must("PATCH", path, {"name": "Later"})
    assert owner.must("GET", f"{path}/audit/verify")["whole"]
