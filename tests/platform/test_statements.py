"""Statements: what months came to, and what credits take off: all of a credit once, and nothing below zero."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quartzdb_platform.accounts import store
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.audit.log import Actor, AuditLog
from quartzdb_platform.domain.calendar import DAY_MS, month_end_ms, start_ms
from quartzdb_platform.domain.credit import Credit, Taken, taken_off
from quartzdb_platform.domain.records import Organization
from quartzdb_platform.metering import places
from quartzdb_platform.metering.bill import total
from quartzdb_platform.metering.statements import GRACE_MS, SETTLED_MS, Statement, Statements
from quartzdb_platform.plans.plan_changes import PlanChanges
from quartzdb_platform.plans.plan_file import load_plans
from quartzdb_platform.ports import Put
from tests.manual_clock import ManualClock
from tests.platform.conftest import Person, Site
from tests.platform.test_usage import count, line

PLANS = load_plans()
PRO = PLANS.versions[0].of("pro")
MONTHS = ("2023-11", "2023-12", "2024-01", "2024-02", "2024-03")
_numbers = itertools.count()


class Books:
    """An organization with one project, in a table, over months."""

    def __init__(self, table: SqliteDocuments) -> None:
        self.table, self.clock = table, ManualClock()
        self.id = f"org_{next(_numbers):026d}"
        self.project_id = f"prj_{next(_numbers):026d}"
        made_at_ms = start_ms(MONTHS[0])
        organization = Organization(self.id, "Books", made_at_ms, owners=1)
        project = {
            "id": self.project_id,
            "organization_id": self.id,
            "name": "p",
            "created_at_ms": made_at_ms,
        }
        self.put(store.put_organization(organization, None), store.list_organization(self.id))
        self.put(Put(store.organization_pk(self.id), f"project#{self.project_id}", project))
        self.statements = Statements(table, PLANS, self.clock)

    def put(self, *puts: Put) -> None:
        assert self.table.transact(puts)

    def at(self, month: str, share: float = 0.5) -> None:
        begins, ends = start_ms(month), month_end_ms(month)
        self.clock.seconds = int(begins + share * (ends - begins - 1)) / 1_000

    def on_plan(self, name: str) -> None:
        changes = PlanChanges(self.table, AuditLog(self.table, self.clock), PLANS, None, self.clock)
        changes.set(self.id, name, Actor("operator", ""))

    def uses(self, month: str, read_units: int) -> None:
        self.put(Put(*places.month(self.project_id, month), {"read_units": read_units, "write_units": 0}))

    def credited(self, micro_dollars: int) -> Credit:
        credit = Credit(
            f"crd_{next(_numbers):026d}", self.id, micro_dollars, "referral", self.clock.unix_ms()
        )
        self.put(Put(store.organization_pk(self.id), f"credit#{credit.id}", asdict(credit)))
        return credit

    def organization(self) -> Organization:
        return store.organization_of(self.table, self.id)[0]

    def closed(self) -> Sequence[Statement]:
        return list(reversed(self.statements.closed(self.id)))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteDocuments]:
    with SqliteDocuments(tmp_path_factory.mktemp("books") / "platform.db") as made:
        yield made


_month = st.fixed_dictionaries(
    {
        "plan": st.sampled_from([None, "free", "pro", "business"]),
        "read_units": st.integers(0, 40_000_000),
        "credits": st.lists(
            st.tuples(st.floats(0, 1), st.integers(1, 300_000_000)), max_size=2
        ),
        "closes": st.lists(st.sampled_from(MONTHS), max_size=2),
    }
)  # fmt: skip


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)  # fmt: skip
@given(months=st.lists(_month, min_size=len(MONTHS), max_size=len(MONTHS)))
def test_every_credit_is_taken_off_once(table: SqliteDocuments, months: list[dict[str, Any]]) -> None:
    """Whatever plans, usage and credits months have, and however often and out of turn statements are made: none is
    below zero, none takes a credit that came after its month, what was made stays, and what is left is all the rest.
    """
    books, given_ = Books(table), []
    for month, said in zip(MONTHS, months, strict=True):
        books.at(month, 0.0)
        if said["plan"] is not None:
            books.on_plan(said["plan"])
        books.uses(month, said["read_units"])
        for share, amount in sorted(said["credits"]):
            books.at(month, share)
            given_.append(books.credited(amount))
        foretold = books.statements.present(books.organization())
        books.at(month, 1.0)
        before = books.closed()
        books.clock.seconds += GRACE_MS / 1_000 + 1
        for asked in [min(asked, month) for asked in said["closes"]] * 2:
            books.statements.close(books.id, asked)
        made = books.closed()
        assert made[: len(before)] == before
        if said["closes"] and max(said["closes"]) >= month:
            assert made[-1].month == month
            assert made[-1].due_micro_dollars == foretold.due_micro_dollars
    books.statements.close(books.id, MONTHS[-1])
    statements = books.closed()
    assert [one.month for one in statements] == list(MONTHS)
    taken: Counter[str] = Counter()
    given_at = {credit.id: credit.created_at_ms for credit in given_}
    for one in statements:
        owed = one.plan_micro_dollars + total(one.lines)
        assert 0 <= one.due_micro_dollars == owed - one.credit_micro_dollars
        assert all(given_at[part.credit_id] < month_end_ms(one.month) for part in one.taken)
        taken.update({part.credit_id: part.micro_dollars for part in one.taken})
        there = sum(
            credit.micro_dollars for credit in given_ if given_at[credit.id] < month_end_ms(one.month)
        )
        # Nothing is to be paid as long as there is any credit.
        assert one.due_micro_dollars == 0 or taken.total() == there
    assert all(taken[credit.id] <= credit.micro_dollars for credit in given_)


def test_the_oldest_credit_goes_first_and_the_rest_is_carried_on() -> None:
    """To the next month, to the micro-dollar."""
    old, new = Credit("crd_1", "org_1", 10, "referral", 1), Credit("crd_2", "org_1", 10, "sorry", 2)
    first = taken_off([new, old], {}, 13)
    assert first == [Taken("crd_1", "referral", 10), Taken("crd_2", "sorry", 3)]
    assert taken_off([new, old], {"crd_1": 10, "crd_2": 3}, 100) == [Taken("crd_2", "sorry", 7)]
    assert taken_off([new, old], {}, 0) == []


def test_a_month_is_billed_by_the_dearest_plan_that_it_had(table: SqliteDocuments) -> None:
    """So taking a smaller one on its last day gives nothing away; the next month has the smaller one."""
    books = Books(table)
    books.at(MONTHS[0], 0.2)
    books.on_plan("pro")
    books.uses(MONTHS[0], PRO.included.read_units + 1_000_000)
    books.at(MONTHS[0], 0.9)
    books.on_plan("free")
    assert books.statements.billed_plan(books.organization()).name == "pro"
    assert books.statements.present(books.organization()).due_micro_dollars == 99_000_000 + 12_000_000
    books.at(MONTHS[1])
    assert books.statements.billed_plan(books.organization()).name == "free"
    books.at(MONTHS[2])
    books.on_plan("business")  # says nothing of the months before
    books.statements.close(books.id, MONTHS[2])
    assert [one.plan for one in books.closed()] == ["pro", "free", "business"]
    assert [one.due_micro_dollars for one in books.closed()] == [111_000_000, 0, 499_000_000]


def again(site: Site, person: Person) -> Person:
    """Signed in anew: in weeks a session that is not used ends."""
    del site.people[person.email]
    return site.person(person.email)


def test_statements_are_made_once_late_lines_have_come(site: Site) -> None:
    """Three days after the month, for everybody, by whoever is first; what comes later changes none."""
    owner = site.person("owner@example.com")
    organizations = [site.organization(owner, name) for name in ("one", "two")]
    for organization in organizations:
        site.platform.plan_changes.set(organization, "pro", Actor("operator", ""))
    project = owner.must("POST", f"/organizations/{organizations[0]}/projects", {"name": "p"})["id"]
    november = site.clock.unix_ms()
    run = site.platform.statements.run
    ends = month_end_ms("2023-11")
    site.clock.seconds = (ends + 3 * DAY_MS - 1) / 1_000
    run(site.clock.unix_ms())
    path = f"/organizations/{organizations[0]}/statements"
    owner = again(site, owner)
    assert owner.must("GET", path) == []
    count(site, line(project, november, read_units=PRO.included.read_units + 1_000_000))
    site.clock.seconds += 1
    assert run(site.clock.unix_ms()) == 0  # seen, and not yet believed
    site.clock.seconds += SETTLED_MS / 1_000
    assert run(site.clock.unix_ms()) == 2
    assert run(site.clock.unix_ms()) == 0
    count(site, line(project, november, read_units=1_000_000))
    run(site.clock.unix_ms())
    (statement,) = owner.must("GET", path)
    assert statement["sum"] == {
        "plan_usd": "99",
        "beyond_usd": "12",
        "credits_usd": "0",
        "due_usd": "111",
    }
    assert (statement["month"], statement["plan"], statement["version"]) == ("2023-11", "pro", "2026-11")
    assert len(owner.must("GET", f"/organizations/{organizations[1]}/statements")) == 1


def test_a_referral_is_a_line_of_the_bill(site: Site) -> None:
    """Of this month and of its forecast, and then of the statement; what is left is the next month's."""
    ada, bob = site.person("ada@example.com"), site.person("bob@example.com")
    mine = ada.must("POST", "/start", {})["organization"]["id"]
    code = ada.must("POST", f"/organizations/{mine}/referral")["code"]
    theirs = bob.must("POST", "/start", {"referral": code})["organization"]["id"]
    site.platform.plan_changes.set(theirs, "pro", Actor("operator", ""))
    month = bob.must("GET", f"/organizations/{theirs}/usage")["month"]
    due = {"plan_usd": "99", "beyond_usd": "0", "credits_usd": "10", "due_usd": "89"}
    assert (month["sum"], month["forecast"]["sum"]) == (due, due)
    assert ada.must("GET", f"/organizations/{mine}/usage")["month"]["sum"]["credits_usd"] == "0"
    site.clock.seconds = (month_end_ms("2023-11") + DAY_MS) / 1_000
    bob = again(site, bob)
    # November has no statement yet, and will take it.
    assert bob.must("GET", f"/organizations/{theirs}/usage")["month"]["sum"]["credits_usd"] == "0"
    site.clock.seconds += 3 * 86_400
    for _ in range(2):
        site.platform.statements.run(site.clock.unix_ms())
        site.clock.seconds += SETTLED_MS / 1_000
    (statement,) = bob.must("GET", f"/organizations/{theirs}/statements")
    (credit,) = bob.must("GET", f"/organizations/{theirs}/credits")
    assert statement["credits"] == [{"id": credit["id"], "why": "referral", "amount_usd": "10"}]
    assert statement["sum"] == due
    ada = again(site, ada)
    (free,) = ada.must("GET", f"/organizations/{mine}/statements")
    assert (free["sum"]["due_usd"], free["credits"]) == ("0", [])
    site.platform.plan_changes.set(mine, "pro", Actor("operator", ""))
    assert ada.must("GET", f"/organizations/{mine}/usage")["month"]["sum"]["credits_usd"] == "10"


def test_two_that_make_a_statement_at_once_make_one(site: Site) -> None:
    """And the credit goes once."""
    ada, bob = site.person("ada@example.com"), site.person("bob@example.com")
    mine = ada.must("POST", "/start", {})["organization"]["id"]
    code = ada.must("POST", f"/organizations/{mine}/referral")["code"]
    organization = bob.must("POST", "/start", {"referral": code})["organization"]["id"]
    site.platform.plan_changes.set(organization, "pro", Actor("operator", ""))
    site.clock.seconds = (month_end_ms("2023-12") + 4 * DAY_MS) / 1_000
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda _: site.platform.statements.close(organization, "2023-12"), range(4)):
            pass  # none failed
    statements = site.platform.statements.closed(organization)
    assert [(one.month, one.credit_micro_dollars) for one in statements] == [
        ("2023-12", 0), ("2023-11", 10_000_000),
    ]  # fmt: skip
