"""What could be saved is told with its units, its dollars and how that was computed; and nothing where nothing is."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from quartzdb.domain.namespace import NamespaceSettings, Precision
from quartzdb.services.record_rules import NewRecord
from quartzdb_platform.domain.calendar import DAY_MS
from quartzdb_platform.metering.savings import Advice
from tests.platform.conftest import Person, Site
from tests.platform.test_usage import Project, choose, count, line, project

__all__ = ["project"]  # a fixture of the tests of usage


def month(site: Site, owner: Person, project_id: str, **given: object) -> Person:
    """Have 50 requests on each of 30 days that are over then; the owner, signed in again."""
    for _ in range(30):
        site.clock.seconds += DAY_MS // 1_000
        count(site, *(line(project_id, site.clock.unix_ms(), **given) for _ in range(50)))
    site.clock.seconds += DAY_MS // 1_000
    del site.people[owner.email]
    return site.person(owner.email)


def test_a_new_project_is_told_nothing(site: Site, project: Project) -> None:
    """Nor one that was used for a few days."""
    owner, organization, project_id = project
    choose(site, organization, plan="pro")
    count(site, *(line(project_id, site.clock.unix_ms(), op="fetch_vector") for _ in range(2_000)))
    found = owner.must("GET", f"/projects/{project_id}/recommendations")
    assert found == {"days": 30, "described": True, "recommendations": []}


def test_fetches_one_by_one_are_told_what_batches_save(site: Site, project: Project) -> None:
    """In units, in dollars at the plan's prices, and of a bill on which all of it is included, nothing."""
    owner, organization, project_id = project
    choose(site, organization, plan="pro")
    owner = month(site, owner, project_id, op="fetch_vector", out=1_000)
    (found,) = owner.must("GET", f"/projects/{project_id}/recommendations")["recommendations"]
    assert (found["advice"], found["about"], found["project"]) == ("batch_fetches", "books", project_id)
    # 30 times 50 fetches were 1,500 units; as 15 batches of 1.5 MB together they are 37 at most.
    assert found["saving"]["read_units"] == 1_500 - (15 + 1_500_000 // 65_536)
    assert (found["usd"], found["bill_usd"]) == ("0.017556", "0")
    assert found["computed_from"] == {"requests": 1_500, "units": 1_500, "batched": 37, "batch": 100}
    whole = owner.must("GET", f"/organizations/{organization}/recommendations")["recommendations"]
    assert whole == [found]


def test_what_is_beyond_the_plan_comes_off_the_bill(site: Site, project: Project) -> None:
    """By as much as the forecast of the month has less."""
    owner, organization, project_id = project
    choose(site, organization, plan="pro")
    owner = month(site, owner, project_id, op="query_vectors", read_units=10_000, out=600_000_000)
    (found,) = owner.must("GET", f"/projects/{project_id}/recommendations")["recommendations"]
    assert (found["advice"], found["at_most"]) == ("smaller_answers", True)
    saved = found["saving"]["read_units"]
    assert saved == 1_500 * 9_999
    assert found["usd"] == f"{saved * 12 / 1_000_000:f}".rstrip("0")
    forecast = owner.must("GET", f"/organizations/{organization}/usage")["month"]["forecast"]
    assert 0 < float(found["bill_usd"]) <= float(forecast["cost_usd"])


def test_what_is_held_and_not_asked_for(site: Site, project: Project) -> None:
    """An idle namespace is to go, one that is used to be smaller, one of f16 to stay; and a key that nobody used."""
    owner, organization, project_id = project
    choose(site, organization, plan="pro")
    key = owner.must("POST", f"/projects/{project_id}/keys", {"name": "old", "scopes": ["read"]})["id"]
    database = site.database
    for name, precision in (("used", Precision.F32), ("idle", Precision.F32), ("half", Precision.F16)):
        database.namespaces.create(project_id, name, NamespaceSettings(2_048, precision=precision))
        namespace = database.namespaces.get(project_id, name)
        vectors = np.ones((300, 2_048), np.float32)
        records = [NewRecord(str(number), vector) for number, vector in enumerate(vectors)]
        database.records.upsert(namespace, records)
    owner = month(site, owner, project_id, namespace="used", op="count_vectors")
    count(site, line(project_id, site.clock.unix_ms(), namespace="half"))
    found = owner.must("GET", f"/projects/{project_id}/recommendations")["recommendations"]
    by_advice = {(one["advice"], one["about"]): one["saving"] for one in found}
    assert set(by_advice) == {("idle_namespace", "idle"), ("half_precision", "used"), ("unused_key", key)}
    assert by_advice["half_precision", "used"]["bytes"] == 300 * 2_048 * 2
    assert by_advice["idle_namespace", "idle"]["bytes"] == 300 * 2_048 * 4
    assert by_advice["unused_key", key]["keys"] == 1
    owner.must("DELETE", f"/projects/{project_id}/keys/{key}")
    left = owner.must("GET", f"/projects/{project_id}/recommendations")["recommendations"]
    assert [one["advice"] for one in left] == ["idle_namespace", "half_precision"]


def test_the_page_of_metering_names_every_advice() -> None:
    """With how it is computed."""
    text = (Path(__file__).parents[2] / "docs/metering.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) >= {one.value for one in Advice}
