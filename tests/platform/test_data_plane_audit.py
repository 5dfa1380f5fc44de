"""The database's audit lines become events of organizations: each once, whatever is cut short or comes again."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from quartzdb.api.app import create_app as create_database_app
from quartzdb.domain.errors import Unavailable
from quartzdb_platform.adapters.audit_journal import LOGGER, AuditJournal, follow
from quartzdb_platform.audit.data_plane import LINES_AT_ONCE, NETWORKS_MAX
from quartzdb_platform.audit.delivered import DeliveredAudit
from quartzdb_platform.domain.audit_event import AuditEvent, broken_at
from quartzdb_platform.ports import AuditLine
from tests.platform.conftest import Person, Site


@dataclass
class Owned:
    owner: Person
    organization: str
    project: str

    def events(self, query: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.owner.must(
            "GET", f"/organizations/{self.organization}/audit{query}"
        )
        return found

    def told(self) -> list[tuple[str, str, str, str | None, int]]:
        """Of the database, the oldest first."""
        return [
            (one["actor"], one["action"], one["target"], one["outcome"], one["count"])
            for one in reversed(self.events("?limit=1000"))
            if not one["actor"].startswith("usr_")
        ]

    def whole(self) -> bool:
        return bool(self.owner.must("GET", f"/organizations/{self.organization}/audit/verify")["whole"])


def owned(site: Site, email: str = "owner@example.com") -> Owned:
    owner = site.person(email)
    organization = site.organization(owner)
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": "engine"})["id"]
    return Owned(owner, organization, project)


@dataclass
class Faults:
    """The call of that number ends with an error, having done its work or not."""

    failing: int
    committed: bool
    calls: int = 0

    def of(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.calls += 1
            if self.calls != self.failing:
                return call(*arguments)
            if self.committed:
                call(*arguments)
            raise Unavailable("cut off")

        return counted


@pytest.fixture
def mine(site: Site) -> Owned:
    return owned(site)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[AuditJournal]:
    journal = AuditJournal(tmp_path / "audit.db")
    handler = follow(journal)
    yield journal
    logging.getLogger(LOGGER).removeHandler(handler)
    journal.close()


def line(tenant: str, number: int = 0, action: str = "namespace.create", **more: object) -> str:
    document = {
        "event": "audit",
        "at": "2023-11-14T22:13:20.000Z",
        "tenant": tenant,
        "key_id": "5f2b8c0d91ae",
        "action": action,
        "target": f"n{number}",
        "request_id": "r",
        "outcome": "done",
        "address": "192.0.2.7",
        "count": 1,
        **more,
    }
    return json.dumps(document)


def test_what_is_done_to_the_database_is_in_the_audit_log(
    site: Site, mine: Owned, journal: AuditJournal
) -> None:
    """From the request to the event, through the journal, which is empty then."""
    key = mine.owner.must(
        "POST", f"/projects/{mine.project}/keys", {"name": "k", "scopes": ["read", "admin"]}
    )
    headers = {"Authorization": f"Bearer {key['key']}"}
    with TestClient(create_database_app(site.database), headers=headers, client=("192.0.2.7", 5)) as http:
        assert http.post("/v1/namespaces", json={"name": "books", "dimension": 3}).status_code == 201
        for _ in range(20):
            assert http.put("/v1/namespaces/books/kv/k", content=b"v").status_code == 403
        assert http.delete("/v1/namespaces/absent").status_code == 404
    site.platform.data_plane_audit.take_all(journal)
    site.platform.data_plane_audit.take_all(journal)
    assert mine.told() == [
        (key["id"], "namespace.create", f"{mine.project}/books", None, 1),
        (key["id"], "access.denied", f"{mine.project}/put_value", "forbidden", 1),
        (key["id"], "namespace.delete", f"{mine.project}/absent", "namespace_not_found", 1),
    ]
    assert {one["address"] for one in mine.events() if one["actor"] == key["id"]} == {"192.0.2.7"}
    assert mine.whole()
    assert journal.read(0, 10) == []


def test_each_line_is_one_event_of_its_organization(site: Site, mine: Owned) -> None:
    """In the order of the lines; of others' tenants, and of what is no line, there is none."""
    other = owned(site, "other@example.com")
    texts = [
        line((mine.project, other.project, "default")[number % 3], number)
        for number in range(4 * LINES_AT_ONCE)
    ]
    texts[5:5] = ["no line", "{}", "[]", '{"event": "audit"}', line(mine.project, count=-1)]
    assert site.platform.data_plane_audit.take_batch("b", texts) == len(texts)
    assert site.platform.data_plane_audit.take_batch("b", texts) == 0
    for who, offset in ((mine, 0), (other, 1)):
        targets = [f"{who.project}/n{number}" for number in range(offset, 4 * LINES_AT_ONCE, 3)]
        assert [told[2] for told in who.told()] == targets
        assert who.whole()


def test_a_storm_is_counted_events(site: Site, mine: Owned) -> None:
    """One for each key and reason of what is read at once, with the number of all."""
    texts = [line(mine.project, action="access.denied", outcome="forbidden", count=50)] * LINES_AT_ONCE
    site.platform.data_plane_audit.take_batch("b", texts)
    ((_, action, _, outcome, count),) = mine.told()
    assert (action, outcome, count) == ("access.denied", "forbidden", 50 * LINES_AT_ONCE)


def test_a_new_network_of_a_key_is_an_event(site: Site, mine: Owned) -> None:
    """Not the first one of it, and each once, unless so many came since that it was forgotten."""

    def use(*networks: str) -> None:
        texts = [line(mine.project, action="key.network", target=network) for network in networks]
        site.platform.data_plane_audit.take_batch(f"{random.random()}", texts)

    use("192.0.2.0/24", "192.0.2.0/24")
    assert mine.told() == []
    use("192.0.2.0/24", "198.51.100.0/24", "198.51.100.0/24")
    use("198.51.100.0/24", "192.0.2.0/24")
    assert [told[1:3] for told in mine.told()] == [("key.new_network", f"{mine.project}/198.51.100.0/24")]
    use(*(f"10.0.{number}.0/24" for number in range(NETWORKS_MAX)))
    use("192.0.2.0/24")
    assert len(mine.told()) == NETWORKS_MAX + 2


def test_a_crash_anywhere_loses_and_doubles_nothing(site: Site, mine: Owned, tmp_path: Path) -> None:
    """Also where a transaction was made and nobody heard of it."""
    numbers = range(3 * LINES_AT_ONCE + 1)
    for failing, committed in product(range(1, 9), (False, True)):
        journal = AuditJournal(tmp_path / f"{failing}{committed}.db")
        for number in numbers:
            journal.add(line(mine.project, number))
        faults = Faults(failing, committed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(site.table, "transact", faults.of(site.table.transact))
            patch.setattr(journal, "drop", faults.of(journal.drop))
            for _ in range(3):
                with suppress(Unavailable):
                    site.platform.data_plane_audit.take_all(journal)
        assert faults.calls > 6
        wanted = [f"{mine.project}/n{number}" for number in numbers]
        assert [told[2] for told in mine.told()[-len(numbers) :]] == wanted
        assert len(mine.told()) % len(numbers) == 0
        assert journal.read(0, 1) == []
        journal.close()
    assert len(mine.told()) == 16 * len(numbers)
    assert mine.whole()


def test_a_journal_that_was_begun_anew_is_another_source(site: Site, mine: Owned, tmp_path: Path) -> None:
    """Its places begin again, and are not taken for those that were taken."""
    for name in ("first.db", "second.db"):
        journal = AuditJournal(tmp_path / name)
        journal.add(line(mine.project))
        site.platform.data_plane_audit.take_all(journal)
        journal.close()
    assert len(mine.told()) == 2


def test_events_are_found_by_time_actor_and_action(site: Site, mine: Owned) -> None:
    """Page by page, each once, whatever is between them."""
    begun = site.clock.unix_ms()
    for day in range(4):
        site.clock.seconds += 86_400
        at = f"2023-11-{15 + day}T22:00:00.000Z"
        texts = [line(mine.project, number, at=at) for number in range(10)]
        texts += [line(mine.project, action="key.create", at=at), line(mine.project, key_id="other", at=at)]
        site.platform.data_plane_audit.take_batch(f"{day}", texts)
    mine.owner = site.person("owner@example.com")

    def count(query: str) -> int:
        return len(mine.events(f"?limit=1000&{query}"))

    assert begun < site.clock.unix_ms()
    assert count("action=key.create") == 4
    assert count("action=key.") == 4
    assert count("action=key") == 0
    assert count("actor=other") == 4
    assert count("actor=other&action=key.create") == 0
    assert count("from=2023-11-16T00:00:00Z&until=2023-11-18T00:00:00Z") == 24
    assert count("from=2023-11-16T23:00:00Z&until=2023-11-17T22:00:00.001Z") == 12
    assert count("until=2023-11-15T22:00:00Z") == len(mine.events("?limit=1000")) - 48
    assert count("from=2030-01-01T00:00:00Z") == 0
    for wrong in ("from=yesterday", "until=2023-11-16", "from=2023-11-16T00:00:00", "limit=0", "actor="):
        answer = mine.owner.ask("GET", f"/organizations/{mine.organization}/audit?{wrong}")
        assert answer.status_code == 400, wrong
    seen, before = [], ""
    while True:
        path = f"/organizations/{mine.organization}/audit?limit=3&actor=5f2b8c0d91ae{before}"
        answer = mine.owner.ask("GET", path)
        seen += [one["sequence"] for one in answer.json()]
        if "Next-Before" not in answer.headers:
            break
        before = f"&before={answer.headers['Next-Before']}"
    assert len(seen) == len(set(seen)) == 44
    assert seen == sorted(seen, reverse=True)


def test_an_export_can_be_verified_by_itself(site: Site, mine: Owned) -> None:
    """Every event, the oldest first, and the head."""
    site.platform.data_plane_audit.take_batch("b", [line(mine.project, outcome="conflict")] * 5)
    answer = mine.owner.ask("GET", f"/organizations/{mine.organization}/audit/export")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    *events, last = [json.loads(text) for text in answer.text.splitlines()]
    head = (last["head"]["sequence"], last["head"]["hash"])
    assert broken_at([AuditEvent(**event) for event in events], head) is None
    assert head == site.platform.audit.head(mine.organization)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_what_is_stored_is_found(site: Site, data: st.DataObject) -> None:
    """An event that is edited, taken out, doubled, or that changes places with another; wherever."""
    organization = "org_" + "0" * 26
    connection = site.table._connection
    connection.execute("DELETE FROM documents WHERE pk = ?", (f"ORG#{organization}",))
    project = {"id": "prj_x", "organization_id": organization, "name": "x", "created_at_ms": 0}
    connection.execute(
        "INSERT OR REPLACE INTO documents VALUES (?, 'project', ?, 1, NULL)",
        ("PROJECT#prj_x", json.dumps(project)),
    )
    texts = [line("prj_x", number, outcome=("done", "forbidden")[number % 2]) for number in range(8)]
    source = f"{data.draw(st.integers())}"
    connection.execute("DELETE FROM documents WHERE pk LIKE 'AUDIT_SOURCE#%'")
    site.platform.data_plane_audit.take(source, [AuditLine(n, text) for n, text in enumerate(texts, 1)])
    assert site.platform.audit.broken_at(organization) is None
    one, other = data.draw(st.permutations(range(1, 9)))[:2]
    sk, other_sk = f"audit#{one:012d}", f"audit#{other:012d}"
    where = "WHERE pk = ? AND sk = ?"
    place = f"ORG#{organization}"
    change = data.draw(st.sampled_from(["edit", "delete", "swap", "double"]))
    if change == "edit":
        names = ["actor", "action", "target", "address", "outcome", "at_ms", "count", "sequence", "hash"]
        field = data.draw(st.sampled_from([*names, "previous"]))
        value = {"at_ms": 1, "count": 9, "sequence": 99, "previous": "0" * 64, "hash": "1" * 64}.get(
            field, "x"
        )
        (body,) = connection.execute(f"SELECT body FROM documents {where}", (place, sk)).fetchone()
        edited = {**json.loads(body), field: value}
        if edited == json.loads(body):
            return
        connection.execute(f"UPDATE documents SET body = ? {where}", (json.dumps(edited), place, sk))
    elif change == "delete":
        connection.execute(f"DELETE FROM documents {where}", (place, sk))
    elif change == "swap":
        for old, new in ((sk, "audit#aside"), (other_sk, sk), ("audit#aside", other_sk)):
            connection.execute(f"UPDATE documents SET sk = ? {where}", (new, place, old))
    else:
        copy = "INSERT INTO documents SELECT pk, ?, body, revision, expires_at_ms FROM documents"
        connection.execute(f"{copy} {where}", (f"{sk}5", place, sk))
    assert site.platform.audit.broken_at(organization) is not None


def test_lines_that_a_log_delivered_become_events_once(site: Site, mine: Owned) -> None:
    """Kept by one function and taken by another; delivered late, twice and out of order, each is one event."""
    delivered = DeliveredAudit(site.table, site.clock)
    batches = {
        f"batch-{number}": [line(mine.project, 1_000 * number + n) for n in range(230 if number == 1 else 3)]
        for number in range(4)
    }
    for name in ("batch-2", "batch-0"):
        delivered.keep(name, batches[name])
        delivered.keep(name, batches[name])  # at the same moment
    assert delivered.take_all(site.platform.data_plane_audit) == 6
    site.clock.seconds += 3_600
    for name in ("batch-1", "batch-2", "batch-3", "batch-0"):
        delivered.keep(name, batches[name])
    assert delivered.take_all(site.platform.data_plane_audit) == 233
    assert delivered.take_all(site.platform.data_plane_audit) == 0
    assert sorted(target.rpartition("/n")[2] for _, _, target, _, _ in mine.told()) == sorted(
        str(1_000 * int(name[-1]) + n) for name, lines in batches.items() for n in range(len(lines))
    )
    assert mine.whole()
    assert site.table.query("AUDIT-LINES", "", limit=9) == []


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("failing", range(1, 8))
def test_taking_what_was_delivered_goes_on_wherever_it_was_cut_short(
    site: Site, mine: Owned, failing: int, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done and not heard of is not done again."""
    delivered = DeliveredAudit(site.table, site.clock)
    for number in range(2):
        delivered.keep(f"batch-{number}", [line(mine.project, 10 * number + n) for n in range(9)])
    with monkeypatch.context() as patch:
        patch.setattr(site.table, "transact", Faults(failing, committed).of(site.table.transact))
        with suppress(Unavailable):
            delivered.take_all(site.platform.data_plane_audit)
    delivered.take_all(site.platform.data_plane_audit)
    assert len(mine.told()) == 18
    assert mine.whole()
