"""What a project used: told by day and hour, and by what one asks for; what it costs; and what is refused for it."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from quartzdb.api.app import create_app as create_database_app
from quartzdb.domain.grant import Prices
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.domain.units import Units, cost_usd
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.tenant_sizes import TenantSizes
from quartzdb_platform.accounts import gone_projects, store
from quartzdb_platform.adapters.local_sizes import LocalSizes
from quartzdb_platform.audit.log import Actor
from quartzdb_platform.domain.calendar import DAY_MS, HOUR_MS, day_of, month_end_ms, start_ms
from quartzdb_platform.domain.money import divided, dollars, micro_dollars
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.domain.plan import Plan
from quartzdb_platform.metering import places
from quartzdb_platform.metering.bill import Used, bill, total
from quartzdb_platform.metering.counters import Counters
from quartzdb_platform.metering.key_uses import KeyUses
from quartzdb_platform.metering.storage import KEYS_AN_HOUR, RUN_SECONDS, Drift, StorageSampling
from quartzdb_platform.plans.plan_file import load_plans
from quartzdb_platform.ports import Held
from tests.behaviour.http.client import Client
from tests.platform.conftest import Person, Site

PLANS = load_plans().versions[0]
Project = tuple[Person, str, str]


@pytest.fixture
def project(site: Site) -> Project:
    """An owner, their organization, and its project."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    created = owner.must("POST", f"/organizations/{organization}/projects", {"name": "engine"})
    return owner, organization, created["id"]


def line(project_id: str, at_ms: int, **given: Any) -> str:
    document = {"v": 1, "tenant": project_id, "at": at_ms, "key": "aaaaaaaaaaaa", "namespace": "books",
                "op": "query_vectors", "status": 200, "ms": 2.0, "read_units": 1}  # fmt: skip
    return json.dumps({**document, **given})


def count(site: Site, *lines: str) -> None:
    """Count them as one batch of a name of its own."""
    Counters(site.table, site.clock).apply(f"batch-{random.getrandbits(64)}", lines, "test")


def choose(site: Site, organization: str, **changes: Any) -> None:
    """Give an organization another plan."""
    present, document = store.organization_of(site.table, organization)
    assert site.table.transact([store.put_organization(replace(present, **changes), document.revision)])


def test_rows_are_by_day_and_hour_and_by_what_one_asks_for(site: Site, project: Project) -> None:
    """In the order asked for; their sum is the total."""
    owner, _, project_id = project
    now = site.clock.unix_ms()
    count(
        site,
        line(project_id, now - DAY_MS, **{"in": 10, "out": 20, "records": 3}),
        line(project_id, now, read_units=4),
        line(project_id, now, op="upsert_vectors", read_units=0, write_units=7),
        line(project_id, now - HOUR_MS, namespace="films", key="bbbbbbbbbbbb", status=429, read_units=0),
        line(project_id, now, namespace="films", status=503, read_units=0),
    )
    days = owner.must("GET", f"/projects/{project_id}/usage")
    assert [(row["at"], row["requests"], row["read_units"], row["write_units"]) for row in days["rows"]] == [
        (day_of(now - DAY_MS), 1, 1, 0), (day_of(now), 4, 4, 7),
    ]  # fmt: skip
    assert days["rows"][0]["bytes_out"] == 20
    assert (days["totals"]["requests"], days["totals"]["refused"], days["totals"]["failed"]) == (5, 1, 1)
    assert days["totals"]["cost_usd"] == "0.000116"  # 5 reads at 12, 7 writes at 8 dollars a million
    by_namespace = owner.must("GET", f"/projects/{project_id}/usage?group=namespace&group=operation")["rows"]
    assert [(row["at"], row["namespace"], row["operation"], row["requests"]) for row in by_namespace] == [
        (day_of(now - DAY_MS), "books", "query_vectors", 1),
        (day_of(now), "books", "query_vectors", 1),
        (day_of(now), "books", "upsert_vectors", 1),
        (day_of(now), "films", "query_vectors", 2),
    ]
    hours = owner.must("GET", f"/projects/{project_id}/usage?by=hour&group=key&from={day_of(now)}")["rows"]
    assert [(row["at"][-6:], row["key"], row["requests"]) for row in hours] == [
        ("21:00Z", "bbbbbbbbbbbb", 1), ("22:00Z", "aaaaaaaaaaaa", 3),
    ]  # fmt: skip


def test_an_organization_has_all_of_its_projects_and_no_others(site: Site, project: Project) -> None:
    """By project where that is asked for; with the lines of its bill."""
    owner, organization, one = project
    two = owner.must("POST", f"/organizations/{organization}/projects", {"name": "two"})["id"]
    other = site.person("other@example.com")
    theirs = other.must("POST", f"/organizations/{site.organization(other)}/projects", {"name": "t"})["id"]
    now = site.clock.unix_ms()
    count(site, line(one, now), line(two, now, read_units=5), line(theirs, now, read_units=9))
    usage = owner.must("GET", f"/organizations/{organization}/usage?group=project")
    assert {row["project"]: row["read_units"] for row in usage["rows"]} == {one: 1, two: 5}
    assert [(one["name"], one["used"], one["cost_usd"]) for one in usage["month"]["lines"]] == [
        ("reads", 6, "0"), ("writes", 0, "0"), ("storage", 0, "0"),
    ]  # fmt: skip
    assert owner.must("GET", f"/projects/{one}/usage")["month"]["lines"] is None


def test_latencies_are_told_by_operation(site: Site, project: Project) -> None:
    """Within one part of a hundred, merged over hours."""
    owner, _, project_id = project
    now = site.clock.unix_ms()
    count(site, *(line(project_id, now - n % 5 * HOUR_MS, ms=float(n + 1)) for n in range(1_000)))
    (found,) = owner.must("GET", f"/projects/{project_id}/usage")["latency"]
    assert (found["operation"], found["requests"]) == ("query_vectors", 1_000)
    for share, name in ((500, "p50_ms"), (950, "p95_ms"), (990, "p99_ms")):
        assert found[name] == pytest.approx(share, rel=0.011)


def test_csv_by_header_or_by_name(site: Site, project: Project) -> None:
    """The rows with a header, for a spreadsheet."""
    owner, _, project_id = project
    count(site, line(project_id, site.clock.unix_ms()))
    path = f"/projects/{project_id}/usage?group=operation"
    by_name = owner.ask("GET", f"{path}&format=csv")
    assert by_name.headers["content-type"].startswith("text/csv")
    header, row = csv.reader(io.StringIO(by_name.text))
    assert header[:3] == ["at", "operation", "requests"]
    assert dict(zip(header, row, strict=True))["cost_usd"] == "0.000012"
    headers = {"Authorization": f"Bearer {owner.token}", "Accept": "text/csv"}
    assert site.http.get(f"/platform/v1{path}", headers=headers).text == by_name.text


def test_a_question_that_makes_no_sense_is_refused(site: Site, project: Project) -> None:
    """With what is wrong about it."""
    owner, organization, project_id = project
    choose(site, organization, plan="business")
    for query, field in (
        ("from=2023-11-32", "from"),
        ("to=yesterday", "to"),
        ("from=2023-11-10&to=2023-11-09", "from"),
        ("from=2023-10-01&to=2023-11-14&by=hour", "from"),
        ("group=key&group=key", "group"),
        ("by=minute", "by"),
    ):
        answer = owner.ask("GET", f"/projects/{project_id}/usage?{query}")
        assert (answer.status_code, answer.json()["field"]) == (400, field), query


def test_a_plan_keeps_usage_for_so_long(site: Site, project: Project) -> None:
    """What is older is not told, and the answer says from when on it is."""
    owner, organization, project_id = project
    now = site.clock.unix_ms()
    count(site, line(project_id, now - 20 * DAY_MS), line(project_id, now))
    path = f"/projects/{project_id}/usage?from=2023-10-01"
    usage = owner.must("GET", path)
    assert (usage["first"], usage["totals"]["requests"]) == (day_of(now - 7 * DAY_MS), 1)
    choose(site, organization, plan="pro")
    assert owner.must("GET", path)["totals"]["requests"] == 2


def test_a_month_goes_on_as_it_has_gone(site: Site, project: Project) -> None:
    """So the forecast is what was used, by the share of the month that is over."""
    owner, organization, project_id = project
    choose(site, organization, plan="pro")
    site.clock.seconds = (start_ms("2023-11") + 10 * DAY_MS) / 1_000
    count(site, line(project_id, start_ms("2023-11"), read_units=2_000_000))
    month = owner.must("GET", f"/organizations/{organization}/usage")["month"]
    assert month["forecast"]["used"]["read_units"] == 6_000_000
    assert month["cost_usd"] == "0"
    assert month["forecast"]["cost_usd"] == "36"  # three million more than what is included


# --- money


def test_money_is_rounded_half_to_even_and_told_exactly() -> None:
    """Once; and what people write is read exactly."""
    assert [divided(n, 2) for n in (1, 3, 5, 4)] == [0, 2, 2, 2]
    assert [divided(n, 3) for n in (1, 2, 4)] == [0, 1, 1]
    assert [dollars(n) for n in (0, 1, 12_500_000, 10**15)] == ["0", "0.000001", "12.5", "1000000000"]
    assert [micro_dollars(text) for text in ("0", "12.50", "0.000001")] == [0, 12_500_000, 1]
    for wrong in ("", "-1", "1e3", "0.0000001", "NaN", "1,5"):
        with pytest.raises(ValueError, match=f"^{re.escape(wrong)}$"):
            micro_dollars(wrong)


def without_included(name: str) -> Plan:
    plan = PLANS.of(name)
    return replace(plan, included=replace(plan.included, read_units=0, write_units=0, storage_bytes=0))


def test_receipts_come_to_the_invoice() -> None:
    """Whatever the requests were: within a micro-dollar of each line, which is far within a hundredth."""
    random_ = random.Random(1)
    prices = Prices("odd", 12_345_671, 7_654_321, 600_000)
    requests = [Units(random_.randrange(9), 0) for _ in range(3_000)]
    requests += [Units(0, random_.randrange(200)) for _ in range(3_000)]
    receipts = sum(Decimal(cost_usd(units, prices)) for units in requests)
    used = Used(sum(units.read for units in requests), sum(units.write for units in requests))
    invoice = Decimal(total(bill(without_included("pro"), prices, used, "2026-11"))) / 1_000_000
    assert abs(receipts - invoice) <= Decimal("0.000001")
    assert abs(receipts - invoice) < receipts / 100


def test_what_a_plan_includes_is_free_and_what_is_beyond_is_priced() -> None:
    """To the unit; a plan without overage costs nothing beyond its price."""
    pro = PLANS.of("pro")
    included = Used(pro.included.read_units, pro.included.write_units, pro.included.storage_bytes * 24 * 30)
    assert total(bill(pro, PLANS.prices, included, "2026-11")) == 0
    more = Used(
        included.read_units + 1_000_000, included.write_units + 500_000, included.byte_hours + 10**9 * 720
    )
    assert [line.micro_dollars for line in bill(pro, PLANS.prices, more, "2026-11")] == [
        PLANS.prices.million_read_units, PLANS.prices.million_write_units // 2, PLANS.prices.gigabyte_month,
    ]  # fmt: skip
    assert total(bill(PLANS.of("free"), PLANS.prices, more, "2026-11")) == 0


def test_a_gigabyte_for_a_month_costs_the_same_in_every_month() -> None:
    """However many days it has."""
    for month in ("2026-02", "2026-11", "2026-12", "2028-02"):
        hours = (month_end_ms(month) - start_ms(month)) // HOUR_MS
        lines = bill(without_included("pro"), PLANS.prices, Used(byte_hours=10**9 * hours), month)
        assert total(lines) == PLANS.prices.gigabyte_month


# --- storage


class Sizes:
    """What projects hold, as the test says. `known`: what a process knows that is behind."""

    def __init__(self) -> None:
        self.present: dict[str, Held] = {}
        self.known: dict[str, Held] = {}
        self.asked = self.compared = 0

    def held(self, tenant: str, *, exact: bool = False) -> Held:
        self.asked += not exact
        self.compared += exact
        known = {} if exact else self.known
        return known.get(tenant) or self.present.get(tenant, Held(0, 0))


def test_storage_is_sampled_once_an_hour(site: Site, project: Project) -> None:
    """However often the step runs; the month has what was held times the hours for which it was."""
    owner, organization, project_id = project
    sizes = Sizes()
    sampling = StorageSampling(site.table, sizes, site.clock)
    for held in (1_000, 5_000):
        sizes.present[project_id] = Held(held, held // 100)
        assert sampling.sample(site.clock.unix_ms()) == 1
        sizes.present[project_id] = Held(999_999, 1)
        assert sampling.sample(site.clock.unix_ms()) == 0
        site.clock.seconds += 3_600
    month = owner.must("GET", f"/organizations/{organization}/usage")["month"]
    assert month["used"]["byte_hours"] == 6_000
    assert (month["bytes_held"], month["vectors_held"]) == (5_000, 50)


def test_a_sample_that_is_not_what_the_data_is_raises_an_alarm(
    site: Site, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """And is mended. One hundredth is no drift, and a project that has written since is left alone."""
    _, _, project_id = project
    sizes = Sizes()
    sampling = StorageSampling(site.table, sizes, site.clock)
    sizes.present[project_id] = Held(10_100, 10)
    sizes.known[project_id] = Held(10_000, 10)
    sampling.sample(site.clock.unix_ms())
    assert sampling.reconcile(site.clock.unix_ms()) == []
    sizes.present[project_id] = Held(20_000, 20)
    count(site, line(project_id, site.clock.unix_ms(), read_units=0, write_units=1))
    assert sampling.reconcile(site.clock.unix_ms()) == []
    site.clock.seconds += 3_600
    sampling.sample(site.clock.unix_ms())
    (drift,) = sampling.reconcile(site.clock.unix_ms())
    assert (drift.sampled, drift.present) == (Held(10_000, 10), Held(20_000, 20))
    assert f"storage drift: {project_id} has 20000 bytes, and 10000 were sampled" in caplog.text
    assert sampling.reconcile(site.clock.unix_ms()) == []


def test_where_asking_costs_a_project_at_rest_is_asked_once_a_day(
    site: Site, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    """Every hour has its sample all the same; whoever wrote is asked again until an hour after the last line of it."""
    owner, organization, project_id = project
    drifted: list[Drift] = []
    sizes = Sizes()
    sampling = StorageSampling(site.table, sizes, site.clock, spares=True, drifted=drifted.append)
    begins_ms = start_ms(day_of(site.clock.unix_ms() + DAY_MS))
    asked = []

    def hour(number: int, *, written: int = 0) -> None:
        site.clock.seconds = (begins_ms + number * HOUR_MS) / 1_000
        before = sizes.asked
        assert sampling.sample(site.clock.unix_ms()) == 1
        assert sampling.sample(site.clock.unix_ms()) == 0
        asked.append(sizes.asked - before)
        assert sampling.reconcile(site.clock.unix_ms()) == []
        if written:
            count(site, line(project_id, site.clock.unix_ms(), read_units=0, write_units=written))

    sizes.present[project_id] = Held(1_000, 10)
    hour(0, written=1)
    sizes.present[project_id] = Held(2_000, 20)
    for number in range(1, 24):
        hour(number)
    # The first; after the write, of which nothing is known to be counted yet; and once more.
    assert asked == [1, 1, 1, *[0] * 21]
    assert sizes.compared == 1, "once, when nothing had been written for an hour"
    hour(24)
    assert asked[-1] == 1, "the first of a day"
    month = owner.must("GET", f"/organizations/{organization}/usage")["month"]
    assert month["used"]["byte_hours"] == 1_000 + 24 * 2_000
    # Of what was asked, and nobody wrote to since, a difference is an alarm.
    sizes.known[project_id] = Held(9_000, 20)
    site.clock.seconds += DAY_MS / 1_000
    assert sampling.sample(site.clock.unix_ms()) == 1
    assert len(sampling.reconcile(site.clock.unix_ms())) == 1
    assert [(one.sampled.bytes, one.present.bytes) for one in drifted] == [(9_000, 2_000)]
    assert "storage drift" in caplog.text
    assert sampling.reconcile(site.clock.unix_ms()) == []


def test_a_project_of_many_keys_is_asked_less_often(site: Site, project: Project) -> None:
    """Counting keys reads their index: an hour more for each so many of them."""
    _, _, project_id = project
    sizes = Sizes()
    sampling = StorageSampling(site.table, sizes, site.clock, spares=True)
    begins_ms = start_ms(day_of(site.clock.unix_ms() + DAY_MS))
    sizes.present[project_id] = Held(10**9, 0, 2 * KEYS_AN_HOUR)
    asked = []
    for number in range(9):
        site.clock.seconds = (begins_ms + number * HOUR_MS) / 1_000
        sampling.sample(site.clock.unix_ms())
        asked.append(sizes.asked)
        count(site, line(project_id, site.clock.unix_ms(), read_units=0, write_units=1))
    assert asked == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_a_run_of_sampling_ends_and_the_next_goes_on(site: Site, project: Project) -> None:
    """With a slow database each has its turn before the hour is over, and other steps have theirs."""
    owner, organization, one = project
    two = owner.must("POST", f"/organizations/{organization}/projects", {"name": "two"})["id"]

    class Slow(Sizes):
        def held(self, tenant: str, *, exact: bool = False) -> Held:
            site.clock.seconds += RUN_SECONDS
            return super().held(tenant, exact=exact)

    sampling = StorageSampling(site.table, Slow(), site.clock, spares=True)
    now_ms = site.clock.unix_ms()
    assert [sampling.sample(now_ms) for _ in range(3)] == [1, 1, 0]
    for project_id in (one, two):
        assert site.table.query(places.usage_pk(project_id), places.STORAGE, limit=9)


# --- keys


class KeyTable:
    def __init__(self) -> None:
        self.noted: list[tuple[str, int]] = []

    def note_used(self, key_id: str, at_ms: int) -> None:
        self.noted.append((key_id, at_ms))


def test_when_keys_were_used_comes_from_what_is_counted(site: Site, project: Project) -> None:
    """To the hour; a project without requests since is one look, and late lines count."""
    _, _, project_id = project
    keys = KeyTable()
    uses = KeyUses(site.table, keys, site.clock)
    hour_ms = start_ms(day_of(site.clock.unix_ms())) + 5 * HOUR_MS
    site.clock.seconds = (hour_ms + HOUR_MS // 2) / 1_000
    count(site, line(project_id, hour_ms + 1), line(project_id, hour_ms - 1, key="bbbbbbbbbbbb"))
    assert uses.run(site.clock.unix_ms()) == 2
    assert sorted(keys.noted) == [
        ("aaaaaaaaaaaa", site.clock.unix_ms()),  # no time that is yet to come
        ("bbbbbbbbbbbb", hour_ms - 1),
    ]
    assert uses.run(site.clock.unix_ms()) == 0
    site.clock.seconds += 3_600
    count(site, line(project_id, hour_ms + 2), line(project_id, hour_ms + 3, key="bbbbbbbbbbbb"))
    keys.noted.clear()
    assert uses.run(site.clock.unix_ms()) == 2
    ends_ms = hour_ms + HOUR_MS - 1
    assert set(keys.noted) == {("aaaaaaaaaaaa", ends_ms), ("bbbbbbbbbbbb", ends_ms)}
    # Over midnight, and over the end of a month.
    month_ends_ms = month_end_ms(day_of(hour_ms)[: len("2023-11")])
    site.clock.seconds = (month_ends_ms + 60_000) / 1_000
    count(site, line(project_id, month_ends_ms - 1))
    keys.noted.clear()
    assert uses.run(site.clock.unix_ms()) == 1
    assert keys.noted == [("aaaaaaaaaaaa", month_ends_ms - 1)]


def test_what_is_counted_late_of_a_project_that_is_gone_is_forgotten(site: Site, project: Project) -> None:
    """For two days; another's stays."""
    _, _, present = project
    gone, now_ms = f"{present[:-2]}00", site.clock.unix_ms()
    assert site.table.transact(gone_projects.note(site.table, gone, now_ms))
    count(site, line(gone, now_ms), line(present, now_ms))
    assert site.table.query(places.usage_pk(gone), "", limit=9) != []
    site.platform.upkeep.run_due()
    assert site.table.query(places.usage_pk(gone), "", limit=9) == []
    assert site.table.query(places.usage_pk(present), "", limit=9) != []
    site.clock.seconds += gone_projects.LOOKED_AFTER_MS / 1_000
    count(site, line(gone, now_ms))
    site.platform.upkeep.run_due()
    assert site.table.query(places.usage_pk(gone), "", limit=9) == []
    assert site.table.query("GONE-PROJECTS", "", limit=9) == []


def test_what_is_held_is_what_is_live(site: Site, project: Project) -> None:
    """Vectors and values of all namespaces, deleted ones no longer."""
    _, _, project_id = project
    database, sizes = site.database, LocalSizes(TenantSizes(site.database.namespaces))
    assert sizes.held(project_id) == Held(0, 0)
    for name in ("a", "b"):
        database.namespaces.create(project_id, name, NamespaceSettings(8))
    namespace = database.namespaces.get(project_id, "a")
    records = [NewRecord(f"{n}", np.full(8, n + 1, np.float32)) for n in range(10)]
    database.records.upsert(namespace, records)
    assert sizes.held(project_id, exact=True) == Held(10 * 8 * 4, 10)
    database.records.delete(namespace, ["1", "2"])
    assert sizes.held(project_id, exact=True).vectors == 8
    database.namespaces.delete(project_id, "a")
    assert sizes.held(project_id, exact=True) == Held(0, 0)


# --- caps


def grant(site: Site, project_id: str) -> Any:
    return site.database.tenants.grant(project_id)


def test_what_a_free_plan_includes_is_all_there_is(site: Site, project: Project) -> None:
    """Reads and writes apart, until the month ends; the refusal says who, how much, until when and where."""
    _, organization, project_id = project
    now, included = site.clock.unix_ms(), PLANS.of("free").included
    count(site, line(project_id, now, read_units=included.read_units - 1))
    site.platform.caps.run(now)
    assert grant(site, project_id).reads_blocked is None
    count(site, line(project_id, now, read_units=3))
    site.platform.caps.run(now)
    block = grant(site, project_id).reads_blocked
    assert (block.limit, block.used, block.allowed) == (
        "read_units",
        included.read_units + 2,
        included.read_units,
    )
    assert block.until_ms == start_ms("2023-12")
    assert block.raise_at.endswith(f"/organizations/{organization}/plan")
    assert grant(site, project_id).writes_blocked is None
    count(site, line(project_id, now, read_units=0, write_units=included.write_units))
    site.platform.caps.run(now)
    assert grant(site, project_id).writes_blocked.limit == "write_units"


def test_a_block_is_published_once_and_lifted_when_the_month_turns(site: Site, project: Project) -> None:
    """What is used beyond it is no news."""
    _, _, project_id = project
    count(site, line(project_id, site.clock.unix_ms(), read_units=10**9))
    site.platform.caps.run(0)
    revision = grant(site, project_id).revision
    count(site, line(project_id, site.clock.unix_ms(), read_units=10**9))
    site.platform.caps.run(0)
    assert grant(site, project_id).revision == revision
    site.clock.seconds = start_ms("2023-12") / 1_000
    site.platform.caps.run(0)
    assert grant(site, project_id).reads_blocked is None


def test_an_owners_cap_stops_everything_and_raising_it_goes_on(site: Site, project: Project) -> None:
    """At once; the sum is what the bill says, and every change is in the audit log."""
    owner, organization, project_id = project
    cap = f"/organizations/{organization}/cap"
    assert owner.ask("PUT", cap, {"dollars": "5"}).status_code == 403  # a free plan never costs more
    choose(site, organization, plan="pro")
    assert owner.must("PUT", cap, {"dollars": "12"}) == {"dollars": "12", "used_usd": "0"}
    included = PLANS.of("pro").included.read_units
    count(site, line(project_id, site.clock.unix_ms(), read_units=included + 999_999))
    site.platform.caps.run(0)
    assert grant(site, project_id).reads_blocked is None
    count(site, line(project_id, site.clock.unix_ms()))
    site.platform.caps.run(0)
    block = grant(site, project_id).reads_blocked
    assert (block.limit, block.used, block.allowed, block.until_ms) == (
        "cap", 12_000_000, 12_000_000, start_ms("2023-12"),
    )  # fmt: skip
    assert grant(site, project_id).writes_blocked == block
    assert owner.must("PUT", cap, {"dollars": "12.000001"})["used_usd"] == "12"
    assert grant(site, project_id).reads_blocked is None
    owner.must("PUT", cap, {"dollars": "1"})
    assert grant(site, project_id).reads_blocked is not None
    assert owner.must("PUT", cap, {"dollars": None}) == {"dollars": None, "used_usd": "12"}
    assert grant(site, project_id).reads_blocked is None
    actions = [event["action"] for event in owner.must("GET", f"/organizations/{organization}/audit")]
    assert actions.count("cap.update") == 4


def test_a_cap_is_an_amount_of_dollars(site: Site, project: Project) -> None:
    """And nothing is changed by what is none."""
    owner, organization, _ = project
    choose(site, organization, plan="pro")
    for amount in ("-1", "five", "1e3", "", "0.0000001", 5, "9999999999"):
        answer = owner.ask("PUT", f"/organizations/{organization}/cap", {"dollars": amount})
        assert (answer.status_code, answer.json()["field"]) == (400, "dollars"), amount
    assert store.organization_of(site.table, organization)[0].cap_micro_dollars is None


def test_another_plan_lifts_what_the_old_one_refused(site: Site, project: Project) -> None:
    """By the next look."""
    _, organization, project_id = project
    count(site, line(project_id, site.clock.unix_ms(), read_units=PLANS.of("free").included.read_units))
    site.platform.caps.run(0)
    assert grant(site, project_id).reads_blocked is not None
    site.platform.plan_changes.set(organization, "pro", Actor("operator", ""))
    site.platform.caps.run(0)
    assert grant(site, project_id).reads_blocked is None


def test_a_project_that_holds_too_much_may_write_no_more(site: Site, project: Project) -> None:
    """Vectors of its own, not of its neighbour's; until something was deleted."""
    owner, organization, project_id = project
    neighbour = owner.must("POST", f"/organizations/{organization}/projects", {"name": "two"})["id"]
    sizes = Sizes()
    sampling = StorageSampling(site.table, sizes, site.clock)
    limit = PLANS.of("free").limits.vectors
    assert limit is not None
    sizes.present[project_id] = Held(1, limit)
    sampling.sample(site.clock.unix_ms())
    site.platform.caps.run(0)
    assert grant(site, project_id).writes_blocked.limit == "vectors"
    assert grant(site, project_id).reads_blocked is None
    assert grant(site, neighbour).writes_blocked is None
    sizes.present[project_id] = Held(1, limit - 1)
    site.clock.seconds += 3_600
    sampling.sample(site.clock.unix_ms())
    site.platform.caps.run(0)
    assert grant(site, project_id).writes_blocked is None


def test_late_lines_of_a_project_that_is_gone_leave_nothing(site: Site, project: Project) -> None:
    """Of one that is there, they are counted."""
    _, _, project_id = project
    gone = "prj_" + "0" * 26
    for one in (project_id, gone):
        count(site, line(one, site.clock.unix_ms()))
    site.platform.caps.check_projects({project_id, gone})
    assert site.table.query(f"USAGE#{gone}", "", limit=9) == []
    assert len(site.table.query(f"USAGE#{project_id}", "", limit=9)) == 3


def test_only_who_may_sets_a_cap(site: Site, project: Project) -> None:
    """Whoever pays may, and whoever only develops may not."""
    owner, organization, _ = project
    choose(site, organization, plan="pro")
    for role, status in ((Role.BILLING, 200), (Role.DEVELOPER, 403)):
        member = site.join(owner, organization, f"{role}@example.com", role)
        assert member.ask("PUT", f"/organizations/{organization}/cap", {"dollars": "1"}).status_code == status


def test_many_clients_go_beyond_a_limit_by_what_is_on_its_way(site: Site, project: Project) -> None:
    """200 clients at once on one machine: between two looks at the journal each gets what it asks for; after the look
    that finds the limit reached, nobody does, though their keys are remembered.
    """
    owner, organization, project_id = project
    choose(site, organization, plan="pro", cap_micro_dollars=PLANS.prices.million_read_units)
    site.platform.grants.publish(organization)
    lines: list[bytes] = []
    app = create_database_app(site.database, take_line=lines.append)
    body = {"name": "load", "scopes": ["read", "write", "admin"]}
    key = owner.must("POST", f"/projects/{project_id}/keys", body)["key"]
    with Client(app, key) as http:
        assert http.post("/v1/namespaces", {"name": "n", "dimension": 2}).status_code == 201
        allowed = PLANS.of("pro").included.read_units + 1_000_000
        site.clock.seconds = start_ms("2090-06") / 1_000  # a month that does not end for the database's clock
        count(site, line(project_id, site.clock.unix_ms(), read_units=allowed - 200))

        def look(clients: int = 200) -> list[int]:
            """All clients ask once; then the journal is written and counted, as four times in every second."""
            lines.clear()
            request: tuple[str, str, dict[str, Any]] = (
                "POST",
                "/v1/namespaces/n/vectors/count",
                {"json": {}},
            )
            found = [answer.status_code for answer in http.together(*[request] * clients)]
            here = [json.dumps({**json.loads(one), "at": site.clock.unix_ms()}) for one in lines]
            count(site, *here)
            site.platform.caps.check_projects({project_id})
            return found

        first, then, after = look(), look(), look()
        assert sum(status == 200 for status in (*first, *then)) > 200
        # At most what was on its way when the limit was reached: one look's worth.
        assert sum(status == 200 for status in (*first, *then)) <= 200 + 200
        assert set(after) <= {402, 429}
        assert http.post("/v1/namespaces/n/vectors/count", {}).status_code in {402, 429}
