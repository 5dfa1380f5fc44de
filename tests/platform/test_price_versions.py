"""Versions of plans and prices: a month is billed by the one that it began with, whatever is sold later."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.domain.calendar import DAY_MS, HOUR_MS, start_ms
from quartzdb_platform.domain.plan import Plans, PlanVersion
from quartzdb_platform.metering.cap_keeping import CapKeeping
from quartzdb_platform.metering.statements import Statements
from quartzdb_platform.metering.usage import Step, Usage
from quartzdb_platform.plans.plan_file import PLAN_FILE, load_plans, parse_plans
from quartzdb_platform.plans.publisher import GrantPublisher
from quartzdb_platform.plans.table import price_rows
from tests.platform.conftest import Person, Site
from tests.platform.test_usage import choose, count, line

BEGUN = {"2026-11": "c2817f62"}
"""What a version that has begun charges, by a hash. A new version gets one when its month begins; none ever changes."""
DECEMBER = """
[[versions]]
from = "2023-12"
prices.million_read_units = 24_000_000
plans.pro.month_micro_dollars = 109_000_000
plans.pro.included.read_units = 1_000_000
plans.pro.seats = 26
"""
SOLD = PLAN_FILE.read_text("utf-8").replace('from = "2026-11"', 'from = "2023-01"')
BEFORE, AFTER = parse_plans(SOLD), parse_plans(SOLD + DECEMBER)


def charged(version: PlanVersion) -> str:
    plans = {
        name: [plan.month_micro_dollars, plan.overage, asdict(plan.included)]
        for name, plan in version.by_name.items()
    }
    text = json.dumps([asdict(version.prices), plans], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@pytest.fixture
def plans() -> Plans:
    """What is sold at first."""
    return BEFORE


@pytest.fixture
def project(site: Site) -> tuple[Person, str, str]:
    """On the plan pro, in the middle of a November."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    choose(site, organization, plan="pro")
    return (
        owner,
        organization,
        owner.must("POST", f"/organizations/{organization}/projects", {"name": "p"})["id"],
    )


def test_what_a_version_that_has_begun_charges_never_changes() -> None:
    """A change of prices is another version, of a month to come: somebody is in the middle of this one."""
    assert {version.from_month: charged(version) for version in load_plans().versions} == BEGUN


def test_a_version_says_what_it_changes() -> None:
    """All else is as before; each month has the last version that began by then."""
    (old,), (first, new) = BEFORE.versions, AFTER.versions
    assert first == old
    assert new.prices == replace(old.prices, version="2023-12", million_read_units=24_000_000)
    pro = old.of("pro")
    assert new.of("pro") == replace(
        pro, month_micro_dollars=109_000_000, seats=26, included=replace(pro.included, read_units=1_000_000)
    )
    assert new.of("free") == old.of("free")
    months = ("2022-12", "2023-11", "2023-12", "2024-01")
    assert [AFTER.at(month).from_month for month in months] == ["2023-01", "2023-01", "2023-12", "2023-12"]
    assert AFTER.prices_at("2024-01") is new.prices
    assert price_rows(AFTER.versions)[:2] == [
        ["Beyond what is included", "from 2023-01", "from 2023-12"],
        ["a million read units", "$12", "$24"],
    ]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ('[[versions]]\nfrom = "2023-01"', "versions[1].from"),
        ('[[versions]]\nfrom = "2022-12"', "versions[1].from"),
        ("[[versions]]\nprices.gigabyte_month = 1", "versions[1].from"),
        ('[[versions]]\nfrom = "2023-12"\nprices.gigabyte_year = 1', "versions[1].prices.gigabyte_year"),
        ('[[versions]]\nfrom = "2023-12"\nprices = 1', "versions[1].prices"),
        ('[[versions]]\nfrom = "2023-12"\nplans.pro.seats = -1', "versions[1].plans.pro.seats"),
        ('[[versions]]\nfrom = "2023-12"\nplans.gold.title = "Gold"', "versions[1].plans.gold.included.read_units"),
        ("[versions.x]", "versions[0].plans"),
    ],
)  # fmt: skip
def test_a_version_that_is_not_whole_is_refused(more: str, field: str) -> None:
    """With what is wrong of which."""
    with pytest.raises(InvalidArgument) as refused:
        parse_plans(f"{SOLD}\n{more}\n")
    assert refused.value.field == field


def month_of(owner: Person, organization: str) -> Any:
    return owner.must("GET", f"/organizations/{organization}/usage")["month"]


def test_prices_that_change_mid_month_are_of_the_next(site: Site, project: tuple[Person, str, str]) -> None:
    """Bill, forecast, cap and receipts: this month at what it began with, the next at what is new."""
    owner, organization, project_id = project
    pro = BEFORE.versions[0].of("pro")
    count(
        site, line(project_id, site.clock.unix_ms(), read_units=pro.included.read_units + 1_000_000)
    )  # 12 dollars
    publisher, caps, usage, statements = later(site)
    assert publisher.publish_due().grants == 0
    assert site.database.tenants.grant(project_id).prices == BEFORE.prices_at("2023-11")
    present = usage.month([project_id], AFTER.of("pro", "2023-11"))
    assert (present.micro_dollars, present.lines[0].price_micro_dollars) == (12_000_000, 12_000_000)
    assert (
        month_of(owner, organization)["cost_usd"] == "12"
    )  # whoever still runs the release before says the same
    choose(site, organization, cap_micro_dollars=12_000_001)
    assert not caps.check(organization)

    site.clock.seconds = start_ms("2023-12") / 1_000
    assert publisher.publish_due().grants == 1
    granted = site.database.tenants.grant(project_id)
    assert granted.prices == AFTER.prices_at("2023-12")
    assert publisher.publish_due().grants == 0
    count(site, line(project_id, site.clock.unix_ms(), read_units=1_500_000))
    december = usage.month([project_id], AFTER.of("pro", "2023-12"))
    assert (
        december.micro_dollars == 12_000_000
    )  # half a million beyond the million that it includes now, at 24
    assert caps.check(organization) is False
    count(site, line(project_id, site.clock.unix_ms()))
    assert caps.check(organization) is True

    for hour in range(2):
        statements.run(site.clock.unix_ms() + 4 * DAY_MS + hour * HOUR_MS)
    (november,) = statements.closed(organization)
    assert (november.month, november.version, november.due_micro_dollars) == (
        "2023-11", "2023-01", pro.month_micro_dollars + 12_000_000,
    )  # fmt: skip
    site.clock.seconds = start_ms("2024-01") / 1_000
    statements.close(organization, "2023-12")
    assert statements.closed(organization)[0].version == "2023-12"
    assert statements.closed(organization)[0].due_micro_dollars == 109_000_000 + 12_000_024


def test_usage_over_two_versions_costs_each_days_price(site: Site, project: tuple[Person, str, str]) -> None:
    """In the rows, and in their sum."""
    _, _, project_id = project
    site.clock.seconds = (start_ms("2023-12") + DAY_MS) / 1_000
    for month in ("2023-11", "2023-12"):
        count(site, line(project_id, start_ms(month) + DAY_MS // 2, read_units=1_000_000))
    _, _, usage, _ = later(site)
    report = usage.report(usage.question("business", "2023-11-01", None, Step.DAY, ()), [project_id], "pro")
    assert [row.cost_usd for row in report.rows] == ["12", "24"]
    assert report.totals.cost_usd == "36"


def later(site: Site) -> tuple[GrantPublisher, CapKeeping, Usage, Statements]:
    """The release with the new version, over the same table."""
    platform = site.platform
    publisher = GrantPublisher(
        site.table, site.database.tenants, AFTER, platform.blocks, site.clock, "https://c/{organization}"
    )
    site.clock.seconds += 1
    publisher.publish_all(everything=True)  # of another address, which is no news here
    publisher.publish_due()
    caps = CapKeeping(site.table, platform.audit, platform.blocks, publisher, AFTER, site.clock)
    return publisher, caps, Usage(site.table, AFTER, site.clock), Statements(site.table, AFTER, site.clock)
