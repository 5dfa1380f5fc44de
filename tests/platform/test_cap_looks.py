"""Which organizations' caps are looked at: those of which something changed, and none is missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from quartzdb.domain.errors import Unavailable
from quartzdb_platform.accounts import store
from quartzdb_platform.audit.log import Actor
from quartzdb_platform.domain.calendar import month_end_ms, start_ms
from quartzdb_platform.metering.cap_keeping import CapKeeping
from quartzdb_platform.metering.storage import StorageSampling
from quartzdb_platform.plans import unlooked
from quartzdb_platform.plans.plan_file import load_plans
from quartzdb_platform.ports import Change, Document, DocumentTable, Held
from tests.platform.conftest import Person, Site
from tests.platform.test_usage import Sizes, count, line

FREE = load_plans().versions[0].of("free")


class Watched:
    """A table that notes what is asked of it, and lets somebody in before a transaction."""

    def __init__(self, table: DocumentTable) -> None:
        self._table = table
        self.asked: list[str] = []
        self.before: Any = None

    def get(self, pk: str, sk: str) -> Document | None:
        self.asked.append(pk)
        return self._table.get(pk, sk)

    def query(
        self, pk: str, prefix: str, *, limit: int, after: str | None = None, reverse: bool = False
    ) -> Sequence[Document]:
        self.asked.append(pk)
        return self._table.query(pk, prefix, limit=limit, after=after, reverse=reverse)

    def transact(self, changes: Sequence[Change]) -> bool:
        if self.before is not None:
            before, self.before = self.before, None
            before()
        return self._table.transact(changes)


def keeping(site: Site, table: DocumentTable) -> CapKeeping:
    platform = site.platform
    return CapKeeping(table, platform.audit, platform.blocks, platform.grants, platform.plans, site.clock)


def begun(site: Site, owner: Person, name: str) -> tuple[str, str]:
    organization = site.organization(owner, name)
    return organization, owner.must("POST", f"/organizations/{organization}/projects", {"name": "p"})["id"]


@pytest.fixture
def many(site: Site) -> list[tuple[str, str]]:
    """Organizations with a project each, of which nothing is noted."""
    owner = site.person("owner@example.com")
    found = [begun(site, owner, f"number {number}") for number in range(8)]
    site.platform.caps.run(0)
    return found


def noted(site: Site) -> list[str]:
    return [unlooked.subject_of(one) for one in unlooked.notes(site.table, site.clock.unix_ms())]


def blocked(site: Site, project_id: str) -> bool:
    return site.database.tenants.grant(project_id).reads_blocked is not None


def test_only_organizations_of_which_something_changed_are_looked_at(
    site: Site, many: list[tuple[str, str]]
) -> None:
    """However many others there are; once, until the next thing is counted."""
    table = Watched(site.table)
    (mine, project), *_ = many
    count(site, line(project, site.clock.unix_ms(), read_units=FREE.included.read_units))
    assert keeping(site, table).run(0) == 1
    assert blocked(site, project)
    of_organizations = {pk for pk in table.asked if pk.startswith(("ORG#", "USAGE#"))}
    assert of_organizations == {store.organization_pk(mine), f"USAGE#{project}"}
    assert noted(site) == []
    table.asked.clear()
    assert keeping(site, table).run(0) == 0
    assert len(table.asked) == unlooked.PARTITIONS + 1


def test_what_is_counted_during_a_look_is_looked_at_again(site: Site, many: list[tuple[str, str]]) -> None:
    """It may have been missed."""
    _, project = many[0]
    table = Watched(site.table)
    count(site, line(project, site.clock.unix_ms()))
    table.before = lambda: count(
        site, line(project, site.clock.unix_ms(), read_units=FREE.included.read_units)
    )
    assert keeping(site, table).run(0) == 0
    assert noted(site) == [project]
    assert not blocked(site, project)
    site.platform.caps.run(0)
    assert blocked(site, project)


def test_a_look_that_fails_is_made_again(
    site: Site, many: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And keeps no other from its own."""
    now = site.clock.unix_ms()
    count(site, *(line(project, now, read_units=FREE.included.read_units) for _, project in many[:2]))
    ill = many[0][0]
    check = CapKeeping.check

    def failing(self: CapKeeping, organization_id: str) -> bool:
        if organization_id == ill:
            raise Unavailable("The table does not answer.")
        return check(self, organization_id)

    monkeypatch.setattr(CapKeeping, "check", failing)
    site.platform.caps.run(0)
    assert [blocked(site, project) for _, project in many[:2]] == [False, True]
    assert noted(site) == [many[0][1]]
    monkeypatch.undo()
    site.platform.caps.run(0)
    assert blocked(site, many[0][1])


def test_samples_plans_and_caps_are_changes(site: Site, many: list[tuple[str, str]]) -> None:
    """Each is noted in its own transaction, so that a crash before the look loses nothing."""
    organization, project = many[0]
    sizes = Sizes()
    sizes.present[project] = Held(1, 1)
    StorageSampling(site.table, sizes, site.clock).sample(site.clock.unix_ms())
    assert set(noted(site)) == {one for _, one in many}
    site.platform.caps.run(0)
    site.platform.plan_changes.set(organization, "pro", Actor("operator", ""))
    assert noted(site) == [organization]


def test_a_month_that_turns_lifts_what_ends_with_it(site: Site, many: list[tuple[str, str]]) -> None:
    """Of those that were refused something, though nothing of them is counted any more; a cap as well."""
    table = Watched(site.table)
    (mine, project), *_ = many
    count(site, line(project, site.clock.unix_ms(), read_units=FREE.included.read_units))
    site.platform.caps.run(0)
    site.clock.seconds = month_end_ms("2023-11") / 1_000 - 1
    assert keeping(site, table).run(0) == 0
    assert blocked(site, project)
    site.clock.seconds = start_ms("2023-12") / 1_000
    table.asked.clear()
    assert keeping(site, table).run(0) == 1
    assert not blocked(site, project)
    assert {pk for pk in table.asked if pk.startswith("ORG#")} == {store.organization_pk(mine)}
    table.asked.clear()
    assert keeping(site, table).run(0) == 0


def test_once_a_day_all_are_looked_at(site: Site, many: list[tuple[str, str]]) -> None:
    """As after a change of the plans, of which nothing is noted."""
    _, project = many[0]
    count(site, line(project, site.clock.unix_ms(), read_units=FREE.included.read_units))
    for note in list(unlooked.notes(site.table, site.clock.unix_ms())):
        assert unlooked.take_back(site.table, note)
    site.platform.caps.run(0)
    assert not blocked(site, project)
    assert site.platform.caps.run_all(0) == 1
    assert blocked(site, project)
