"""How a single project is suspended and deleted: by whom, what the database makes of it, and what is billed then."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest

from quartzdb.domain.errors import Unavailable
from quartzdb.domain.grant import TenantStatus
from quartzdb_platform.accounts.deletions import certificate_of
from quartzdb_platform.domain.calendar import start_ms
from quartzdb_platform.domain.closing import GRACE_MS
from quartzdb_platform.domain.permissions import Role
from tests.platform.conftest import Site
from tests.platform.test_life import MARKER, NAME, Held, database, fresh, held, pass_on, statuses, told
from tests.platform.test_usage import count, line


def path(mine: Held, rest: str = "") -> str:
    return f"/projects/{mine.project}{rest}"


def actions(mine: Held) -> list[str]:
    found = mine.owner.must("GET", f"{mine.path}/audit?limit=50")
    return [one["action"] for one in found if one["action"].startswith("project.")]


def test_a_project_is_suspended_alone_and_the_stricter_word_holds(site: Site) -> None:
    """By owners and admins; the organization's other project goes on, and no word lifts another."""
    mine = held(site)
    other = mine.owner.must("POST", f"{mine.path}/projects", {"name": "other"})["id"]
    admin = site.join(mine.owner, mine.id, "admin@example.com", Role.ADMIN)
    developer = site.join(mine.owner, mine.id, "developer@example.com", Role.DEVELOPER)
    assert statuses(site, mine.key) == (200, 200)
    assert developer.ask("PUT", path(mine, "/status"), {"status": "suspended"}).status_code == 403
    wrong = admin.ask("PUT", path(mine, "/status"), {"status": "asleep"}).json()
    assert (wrong["field"], "read_only" in wrong["hint"]) == ("status", True)
    answer = admin.must("PUT", path(mine, "/status"), {"status": "read_only"})
    assert (answer["status"], answer["delete_at"]) == ("read_only", None)
    assert statuses(site, mine.key) == (200, 403)
    admin.must("PUT", path(mine, "/status"), {"status": "suspended"})
    admin.must("PUT", path(mine, "/status"), {"status": "suspended"})
    assert statuses(site, mine.key) == (403, 403)
    assert site.database.tenants.grant(other).status is TenantStatus.ACTIVE
    mine.owner.must("PATCH", path(mine), {"name": "renamed"})
    assert mine.owner.must("GET", path(mine))["status"] == "suspended"
    site.platform.standings.say(mine.id, TenantStatus.READ_ONLY)
    assert statuses(site, mine.key) == (403, 403)
    admin.must("PUT", path(mine, "/status"), {"status": "active"})
    assert statuses(site, mine.key) == (200, 403)
    site.platform.standings.say(mine.id, TenantStatus.ACTIVE)
    assert statuses(site, mine.key) == (200, 200)
    assert actions(mine)[:4] == ["project.active", "project.rename", "project.suspended", "project.read_only"]


def test_a_projects_deletion_is_put_off_and_called_off(site: Site) -> None:
    """By owners who signed in a moment ago and typed its name. Until its time it is read only; a suspension stays."""
    mine = held(site)
    admin = site.join(mine.owner, mine.id, "admin@example.com", Role.ADMIN)
    site.clock.seconds += 16 * 60
    stale = mine.owner.ask("POST", path(mine, "/deletion"), {"name": MARKER})
    assert (stale.status_code, stale.json()["code"]) == (403, "step_up_required")
    fresh(site, mine)
    assert admin.ask("POST", path(mine, "/deletion"), {"name": MARKER}).status_code == 403
    assert mine.owner.ask("POST", path(mine, "/deletion"), {"name": NAME}).json()["field"] == "name"
    assert mine.owner.ask("DELETE", path(mine, "/deletion")).status_code == 404
    assert mine.owner.must("GET", path(mine, "/deletion"))["delete_at"] is None
    asked = mine.owner.must("POST", path(mine, "/deletion"), {"name": MARKER})
    assert asked == mine.owner.must("GET", path(mine, "/deletion"))
    assert mine.owner.must("GET", path(mine))["delete_at"] == asked["delete_at"]
    assert mine.owner.ask("POST", path(mine, "/deletion"), {"name": MARKER}).status_code == 409
    assert len(told(site, mine.owner.email, asked["delete_at"])) == 1
    assert statuses(site, mine.key) == (200, 403)
    fresh(site, mine).owner.must("PUT", path(mine, "/status"), {"status": "suspended"})
    site.clock.seconds += GRACE_MS / 1_000 - 3_600
    pass_on(site)
    fresh(site, mine).owner.must("DELETE", path(mine, "/deletion"))
    assert statuses(site, mine.key) == (403, 403)
    fresh(site, mine).owner.must("PUT", path(mine, "/status"), {"status": "active"})
    site.clock.seconds += GRACE_MS / 1_000
    pass_on(site)
    assert statuses(site, mine.key) == (200, 200)
    assert len(told(site, mine.owner.email, "called the deletion of the project")) == 1
    fresh(site, mine)
    assert actions(mine)[-3:] == ["project.suspended", "project.deletion.request", "project.create"]


def ask(site: Site, mine: Held) -> None:
    fresh(site, mine).owner.must("POST", path(mine, "/deletion"), {"name": MARKER})
    site.clock.seconds += GRACE_MS / 1_000


def left_of(site: Site, mine: Held) -> set[tuple[str, str]]:
    rows = site.table._connection.execute("SELECT pk, sk, body FROM documents").fetchall()
    return {
        (pk, sk.partition("#")[0])
        for pk, sk, body in rows
        if mine.project in f"{pk} {sk} {body}" or MARKER in f"{pk} {sk} {body}"
    }


def test_a_project_is_deleted_and_certified_and_its_usage_billed(site: Site) -> None:
    """Nothing of it is left but its id: in the audit log, in what is to be billed without a name, and its certificate.
    Other projects and the organization go on.
    """
    mine = held(site)
    other = mine.owner.must("POST", f"{mine.path}/projects", {"name": "other"})["id"]
    ask(site, mine)
    count(site, line(mine.project, site.clock.unix_ms(), read_units=40_000))
    count(site, line(other, site.clock.unix_ms(), read_units=2_000))
    before = fresh(site, mine).owner.must("GET", f"{mine.path}/usage")["month"]
    assert before["used"]["read_units"] == 42_000
    for _ in range(4):
        pass_on(site)
    (text,) = told(site, mine.owner.email, "certificate_of_deletion")
    found = re.search(r"^\{.*^\}", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    certified: dict[str, Any] = json.loads(found[0])
    assert certified == certificate_of(site.table, mine.project)
    assert (certified["project"], certified["organization"]) == (mine.project, mine.id)
    assert (certified["gone"]["namespaces_deleted"], certified["gone"]["keys_revoked"]) == (1, 1)
    assert any(one["until"] for one in certified["remains"])
    # Late lines are looked for during two days, and mails that were sent are not kept.
    assert left_of(site, mine) == {
        (f"ORG#{mine.id}", "audit"),
        (f"ORG#{mine.id}", "former"),
        (f"DELETION#{mine.project}", "certificate"),
        ("GONE-PROJECTS", mine.project),
    }
    assert site.database.api_keys.list(mine.project) == []
    assert site.database.tenants.grant(mine.project).revision == 0
    assert site.database.namespaces.list(mine.project).items == []
    with database(site, mine.key) as http:
        assert http.get("/v1/namespaces").status_code == 401
    owner = fresh(site, mine).owner
    assert owner.ask("GET", path(mine)).status_code == 404
    assert [one["id"] for one in owner.must("GET", f"{mine.path}/projects")] == [other]
    assert site.database.tenants.grant(other).status is TenantStatus.ACTIVE
    after = owner.must("GET", f"{mine.path}/usage")["month"]
    assert (after["used"], after["cost_usd"]) == (before["used"], before["cost_usd"])
    event = next(one for one in owner.must("GET", f"{mine.path}/audit") if one["action"] == "project.delete")
    assert certified["audit_log"]["event"] == event["sequence"]
    assert owner.must("GET", f"{mine.path}/audit/verify")["whole"]
    assert actions(mine)[:3] == ["project.delete", "project.deletion.begin", "project.deletion.request"]
    # What is included is not there twice.
    count(site, line(other, site.clock.unix_ms(), read_units=210_000))
    assert site.platform.caps.check(mine.id)
    month = before["month"]
    site.clock.seconds = start_ms(month) / 1_000 + 40 * 86_400
    site.platform.statements.close(mine.id, month)
    statement = fresh(site, mine).owner.must("GET", f"{mine.path}/statements")[0]
    assert (statement["month"], statement["lines"][0]["used"]) == (month, 252_000)


@pytest.mark.parametrize("committed", [False, True])
def test_a_projects_deletion_that_is_cut_short_at_each_step_goes_on(
    site: Site, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run does one thing, and is cut off at the next, which is done and not heard of, or is not done."""
    mine = held(site)
    ask(site, mine)
    deletions = site.platform.project_deletions
    assert deletions is not None
    transact, calls, runs = site.table.transact, 0, 0

    def cut(changes: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1 and not committed:
            return transact(changes)
        if committed:
            transact(changes)
        raise Unavailable("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(site.table, "transact", cut)
        while calls or not runs:
            calls = 0
            runs += 1
            with suppress(Unavailable):
                deletions.run(mine.id, mine.project)
            site.clock.seconds += 61
            while site.database.maintenance.run_once():
                pass
            assert runs < 60
    pass_on(site)
    assert runs > 3
    assert told(site, mine.owner.email, "certificate_of_deletion")
    assert {place[0] for place in left_of(site, mine)} <= {
        f"ORG#{mine.id}", f"DELETION#{mine.project}", "GONE-PROJECTS"
    }  # fmt: skip


def test_an_organization_that_ends_takes_projects_along_that_are_ending(site: Site) -> None:
    """One whose deletion has begun is finished first, one whose time has not come goes with it."""
    mine = held(site)
    second = mine.owner.must("POST", f"{mine.path}/projects", {"name": "second"})["id"]
    ask(site, mine)
    deletions = site.platform.project_deletions
    assert deletions is not None
    deletions.run(mine.id, mine.project)
    fresh(site, mine).owner.must("POST", f"{mine.path}/deletion", {"name": NAME})
    site.clock.seconds += 86_400
    fresh(site, mine).owner.must("POST", f"/projects/{second}/deletion", {"name": "second"})
    site.clock.seconds += GRACE_MS / 1_000 - 86_400
    for _ in range(6):
        pass_on(site)
    assert certificate_of(site.table, mine.project)["project"] == mine.project
    certified = certificate_of(site.table, mine.id)
    assert [one["id"] for one in certified["gone"]["projects"]] == [second]  # type: ignore[index]
    rows = site.table._connection.execute("SELECT pk FROM documents").fetchall()
    assert {pk for (pk,) in rows if mine.id in pk or pk == "CLOSING-PROJECTS"} == {f"DELETION#{mine.id}"}
