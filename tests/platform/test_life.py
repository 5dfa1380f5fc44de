"""How organizations and accounts end: asked for, called off, carried out, and certified, wherever it is cut short."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from quartzdb.api.app import create_app as create_database_app
from quartzdb.cli.main import cli
from quartzdb.domain.errors import NamespaceNotFound, Unavailable
from quartzdb.domain.grant import TenantStatus
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.keyvalue import NewItem
from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.domain.audit_event import AuditEvent, broken_at
from quartzdb_platform.domain.closing import GRACE_MS
from quartzdb_platform.domain.permissions import Permission, Role
from quartzdb_platform.local_platform import PLATFORM_FILE
from quartzdb_platform.ports import Put
from tests.platform.conftest import Person, Site

NAME = "Analytical Engines"
MARKER = "marker-of-what-is-to-go"


@dataclass
class Held:
    """An organization with something of everything."""

    owner: Person
    id: str
    project: str
    key: str

    @property
    def path(self) -> str:
        return f"/organizations/{self.id}"


def held(site: Site, email: str = "owner@example.com") -> Held:
    owner = site.person(email)
    organization = site.organization(owner, NAME)
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": MARKER})["id"]
    body = {"name": MARKER, "scopes": ["read", "write", "admin"]}
    key = owner.must("POST", f"/projects/{project}/keys", body)["key"]
    with database(site, key) as http:
        assert http.post("/v1/namespaces", json={"name": "books", "dimension": 2}).status_code == 201
        record = {"id": "a", "vector": [1, 2], "metadata": {"title": MARKER}}
        assert http.post("/v1/namespaces/books/vectors", json={"vectors": [record]}).status_code == 200
        assert http.put("/v1/namespaces/books/kv/k", content=MARKER.encode()).status_code == 200
    return Held(owner, organization, project, key)


def database(site: Site, key: str) -> TestClient:
    return TestClient(create_database_app(site.database), headers={"Authorization": f"Bearer {key}"})


def fresh(site: Site, held: Held) -> Held:
    """The same, with its owner signed in a moment ago."""
    held.owner = again(site, held.owner.email)
    return held


def again(site: Site, email: str) -> Person:
    """Who has that address, signed in anew."""
    site.people.pop(email, None)
    return site.person(email)


def statuses(site: Site, key: str) -> tuple[int, int]:
    """Of a read and a write in the namespace."""
    site.clock.seconds += 61  # longer than a grant is remembered
    with database(site, key) as http:
        read = http.get("/v1/namespaces/books/kv/k").status_code
        return read, http.put("/v1/namespaces/books/kv/k", content=MARKER.encode()).status_code


def pass_on(site: Site) -> None:
    """What a server's background does in some minutes."""
    site.clock.seconds += 301
    while site.database.maintenance.run_once():
        pass
    site.platform.upkeep.run_due()


def told(site: Site, email: str, words: str) -> list[str]:
    return [text for text in site.mailbox.texts(email) if words in text]


def test_a_deletion_is_put_off_and_called_off(site: Site) -> None:
    """Until its time everything can be read and nothing changed; called off, all is as before. Owners hear of both."""
    mine = held(site)
    site.join(mine.owner, mine.id, "second@example.com", Role.OWNER)
    admin = site.join(mine.owner, mine.id, "admin@example.com", Role.ADMIN)
    fresh(site, mine)
    assert mine.owner.must("GET", f"{mine.path}/deletion")["delete_at"] is None
    assert admin.ask("POST", f"{mine.path}/deletion", {"name": NAME}).status_code == 403
    assert mine.owner.ask("POST", f"{mine.path}/deletion", {"name": "Another"}).json()["field"] == "name"
    assert statuses(site, mine.key) == (200, 200)
    asked = mine.owner.must("POST", f"{mine.path}/deletion", {"name": NAME})
    assert asked["requested_by"] == mine.owner.user_id
    assert mine.owner.ask("POST", f"{mine.path}/deletion", {"name": NAME}).status_code == 409
    assert statuses(site, mine.key) == (200, 403)
    for owner in (mine.owner.email, "second@example.com"):
        assert len(told(site, owner, asked["delete_at"])) == 1
    assert told(site, "admin@example.com", asked["delete_at"]) == []
    site.clock.seconds += GRACE_MS / 1_000 - 3_600
    pass_on(site)
    fresh(site, mine)
    mine.owner.must("DELETE", f"{mine.path}/deletion")
    assert mine.owner.ask("DELETE", f"{mine.path}/deletion").status_code == 404
    assert statuses(site, mine.key) == (200, 200)
    assert len(told(site, "second@example.com", "called its deletion off")) == 1
    site.clock.seconds += GRACE_MS / 1_000
    pass_on(site)
    fresh(site, mine)
    assert statuses(site, mine.key) == (200, 200)
    actions = [one["action"] for one in mine.owner.must("GET", f"{mine.path}/audit")]
    assert actions[:2] == ["organization.deletion.cancel", "organization.deletion.request"]


def test_only_who_signed_in_a_moment_ago_ends_or_exports_anything(site: Site) -> None:
    """Whoever finds an open session cannot."""
    mine = held(site)
    site.clock.seconds += 16 * 60
    for method, path, body in (
        ("POST", f"{mine.path}/deletion", {"name": NAME}),
        ("GET", f"{mine.path}/export", None),
        ("DELETE", "/account", None),
    ):
        refused = mine.owner.ask(method, path, body)
        assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required"), path


def test_an_operators_word_and_a_deletion_are_two(site: Site) -> None:
    """Calling one off lifts no suspension, and resuming makes nothing writable that is to be deleted."""
    mine = fresh(site, held(site))
    say = site.platform.standings.say
    say(mine.id, TenantStatus.SUSPENDED)
    assert statuses(site, mine.key) == (403, 403)
    mine.owner.must("POST", f"{mine.path}/deletion", {"name": NAME})
    mine.owner.must("DELETE", f"{mine.path}/deletion")
    assert statuses(site, mine.key) == (403, 403)
    say(mine.id, TenantStatus.READ_ONLY)
    assert statuses(site, mine.key) == (200, 403)
    mine.owner.must("POST", f"{mine.path}/deletion", {"name": NAME})
    say(mine.id, TenantStatus.ACTIVE)
    assert statuses(site, mine.key) == (200, 403)
    mine.owner.must("DELETE", f"{mine.path}/deletion")
    assert statuses(site, mine.key) == (200, 200)
    operators = [one for one in mine.owner.must("GET", f"{mine.path}/audit") if one["actor"] == "operator"]
    assert [one["action"] for one in operators] == [
        "organization.active",
        "organization.read_only",
        "organization.suspended",
    ]


def due(site: Site, mine: Held) -> None:
    fresh(site, mine)
    mine.owner.must("POST", f"{mine.path}/deletion", {"name": NAME})
    site.clock.seconds += GRACE_MS / 1_000


def certificate(site: Site, email: str) -> dict[str, Any]:
    (text,) = told(site, email, "certificate_of_deletion")
    found = re.search(r"^\{.*^\}", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    document: dict[str, Any] = json.loads(found[0])
    return document


def left_of(site: Site, mine: Held) -> list[tuple[str, str]]:
    """Documents that still name it, or anything of it."""
    rows = site.table._connection.execute("SELECT pk, sk, body FROM documents").fetchall()
    names = (mine.id, mine.project, NAME, MARKER, mine.owner.email)
    return [(pk, sk) for pk, sk, body in rows if any(name in f"{pk} {sk} {body}" for name in names)]


def test_an_organization_is_deleted_and_certified(site: Site, tmp_path: Path) -> None:
    """Nothing of it is left but the certificate, which has the head of the audit log that went."""
    mine, other = held(site), held(site, "other@example.com")
    member = site.join(mine.owner, mine.id, "member@example.com", Role.DEVELOPER)
    fresh(site, mine)
    token = mine.owner.must("POST", f"{mine.path}/tokens", {"name": MARKER, "role": "viewer"})["token"]
    mine.owner.must("POST", f"{mine.path}/invitations", {"email": "guest@example.com", "role": "viewer"})
    due(site, mine)
    exported = export(site, fresh(site, mine))
    for _ in range(4):
        pass_on(site)
    certified = certificate(site, mine.owner.email)
    assert certified["organization"] == mine.id
    assert [one["id"] for one in certified["gone"]["projects"]] == [mine.project]
    assert certified["gone"]["projects"][0]["namespaces_deleted"] == 1
    assert any(one["until"] for one in certified["remains"])
    assert MARKER not in json.dumps(certified)
    assert [place for place in left_of(site, mine) if mine.id in place[0]] == [
        (f"DELETION#{mine.id}", "certificate")
    ]
    assert site.table.get(f"PROJECT#{mine.project}", "project") is None
    assert site.platform.audit.count(mine.id) == 0
    # What follows an export up to the head is known by heart: the log had it all.
    events = [json.loads(text) for text in exported["audit.jsonl"].splitlines()]
    assert certified["audit_log"]["events"] == len(events) + 2
    assert broken_at([AuditEvent(**one) for one in events], (len(events), events[-1]["hash"])) is None
    # Neither people nor keys nor tokens get at anything.
    for person in (again(site, mine.owner.email), again(site, "member@example.com")):
        assert person.must("GET", "/organizations") == []
        assert person.ask("GET", mine.path).status_code == 404
    assert again(site, member.email).ask("GET", f"/projects/{mine.project}").status_code == 404
    assert Person(site.http, "", token).ask("GET", mine.path).status_code == 401
    with database(site, mine.key) as http:
        assert http.get("/v1/namespaces").status_code == 401
    assert site.database.api_keys.list(mine.project) == []
    assert site.database.tenants.grant(mine.project).revision == 0
    # Nobody else notices.
    assert statuses(site, other.key) == (200, 200)
    fresh(site, other)
    assert other.owner.must("GET", f"{other.path}/audit/verify")["whole"]
    pass_on(site)
    assert len(told(site, mine.owner.email, "certificate_of_deletion")) == 1


def test_nothing_of_it_is_left_in_the_platforms_file(site: Site, tmp_path: Path) -> None:
    """Deleted rows are overwritten, and the write-ahead log is emptied."""
    mine = held(site)
    secret = mine.owner.must("PATCH", mine.path, {"name": "Name That Nobody Else Has"})
    assert secret["name"] == "Name That Nobody Else Has"
    fresh(site, mine).owner.must("POST", f"{mine.path}/deletion", {"name": "Name That Nobody Else Has"})
    site.clock.seconds += GRACE_MS / 1_000
    for _ in range(4):
        pass_on(site)
    assert certificate(site, mine.owner.email)
    site.table.scrub()
    for file in tmp_path.glob("platform.db*"):
        assert b"Name That Nobody Else Has" not in file.read_bytes(), file


@pytest.mark.parametrize(("good", "committed"), [(2, False), (1, True), (0, True)])
def test_a_deletion_that_is_cut_short_at_each_step_goes_on(
    site: Site, good: int, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run does one thing or two, and is cut off at the next, which is done and not heard of, or is not done."""
    mine = held(site)
    due(site, mine)
    deletions = site.platform.deletions
    assert deletions is not None
    calls = runs = 0

    def cut(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls <= good:
                return call(*arguments)
            if committed:
                call(*arguments)
            raise Unavailable("cut off")

        return counted

    with monkeypatch.context() as patch:
        patch.setattr(site.table, "transact", cut(site.table.transact))
        patch.setattr(deletions._tenants, "run", cut(deletions._tenants.run))
        while calls or not runs:
            calls = 0
            runs += 1
            with suppress(Unavailable):
                deletions.run(mine.id)
            site.clock.seconds += 61
            while site.database.maintenance.run_once():
                pass
            assert runs < 60
    pass_on(site)
    assert runs > 6
    assert certificate(site, mine.owner.email)["organization"] == mine.id
    left = [place for place in left_of(site, mine) if mine.id in place[0] or mine.project in place[0]]
    assert left == [(f"DELETION#{mine.id}", "certificate")]


def test_writes_that_go_on_while_a_project_is_deleted_leave_nothing(site: Site) -> None:
    """A server that still takes the key for good goes on for a minute; then nothing it wrote is there."""
    mine = held(site)
    due(site, mine)
    books = site.database.namespaces.get(mine.project, "books")
    assert site.platform.deletions is not None
    site.platform.deletions.run(mine.id)
    # What a request does whose key was looked up before.
    late, new = site.database.namespaces.create(mine.project, "late", NamespaceSettings(2))
    assert new
    site.database.key_values.put(late, NewItem("k", MARKER.encode()))
    with suppress(NamespaceNotFound):
        site.database.key_values.put(books, NewItem("k", MARKER.encode()))
    for _ in range(5):
        pass_on(site)
    with database(site, mine.key) as http:
        assert http.get("/v1/namespaces").status_code == 401
    assert certificate(site, mine.owner.email)
    assert site.database.namespaces.list(mine.project).items == []
    assert site.database.api_keys.list(mine.project) == []


def export(site: Site, mine: Held) -> dict[str, str]:
    answer = site.http.get(
        f"{PREFIX}{mine.path}/export", headers={"Authorization": f"Bearer {mine.owner.token}"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_an_export_has_everything_and_no_secret(site: Site) -> None:
    """What is in it can be imported again."""
    mine = held(site)
    site.join(mine.owner, mine.id, "member@example.com", Role.VIEWER)
    fresh(site, mine)
    token = mine.owner.must("POST", f"{mine.path}/tokens", {"name": "ci", "role": "viewer"})["token"]
    mine.owner.must("POST", f"{mine.path}/invitations", {"email": "guest@example.com", "role": "viewer"})
    files = export(site, mine)
    folder = f"projects/{mine.project}"
    assert set(files) == {
        *(
            f"{name}.jsonl"
            for name in (
                "organization",
                "members",
                "invitations",
                "projects",
                "tokens",
                "credits",
                "statements",
                "audit",
            )
        ),
        *(f"{folder}/{name}.jsonl" for name in ("keys", "usage", "books.records", "books.kv")),
        "export.json",
    }
    assert json.loads(files["organization.jsonl"])["name"] == NAME
    emails = {json.loads(line)["email"] for line in files["members.jsonl"].splitlines()}
    assert emails == {mine.owner.email, "member@example.com"}
    header, record = files[f"{folder}/books.records.jsonl"].splitlines()
    assert json.loads(header)["quartzdb_export"]["settings"]["dimension"] == 2
    assert json.loads(record) == {"id": "a", "vector": [1.0, 2.0], "metadata": {"title": MARKER}}
    assert len(files[f"{folder}/books.kv.jsonl"].splitlines()) == 2
    whole = "".join(files.values())
    for secret in (
        mine.key.rsplit("_", 1)[1],
        token.removeprefix("qdb_mgmt_"),
        "CREDENTIAL#",
        "secret_sha256",
    ):
        assert secret not in whole
    events = [json.loads(line) for line in files["audit.jsonl"].splitlines()]
    assert events[-1]["action"] == "organization.export"
    counts = json.loads(files["export.json"])["lines"]
    assert counts["members.jsonl"] == 2
    for _ in range(2):
        export(site, mine)
    assert mine.owner.ask("GET", f"{mine.path}/export").status_code == 429


def test_an_export_is_made_while_it_is_sent(site: Site) -> None:
    """Its pieces are small, however much there is."""
    mine = held(site)
    with database(site, mine.key) as http:
        for start in range(0, 1_500, 500):
            records = [
                {"id": f"{start + n}", "vector": [n, 1], "metadata": {"t": f"{(start + n) ** 9:x}" * 20}}
                for n in range(500)
            ]
            assert http.post("/v1/namespaces/books/vectors", json={"vectors": records}).status_code == 200
    access = site.platform.organizations.access(
        site.platform.credentials.authenticate(fresh(site, mine).owner.token),
        mine.id,
        Permission.ORGANIZATION_EXPORT,
        "",
    )
    pieces = [len(piece) for piece in site.platform.archive.begin(access)]
    assert len(pieces) > 3
    assert max(pieces) < 200_000


def test_who_leaves_takes_everything_along(site: Site) -> None:
    """Seats, sessions and the address; audit logs keep an id. The address can begin anew, as somebody else."""
    mine = held(site)
    member = site.join(mine.owner, mine.id, "member@example.com", Role.ADMIN)
    pk, identity = f"USER#{member.user_id}", {"user_id": member.user_id}
    linked = [Put("IDENTITY#i", "identity", identity), Put(pk, "identity#i", {"email": member.email})]
    assert site.table.transact(linked)
    assert member.ask("DELETE", "/account").status_code == 204
    assert member.ask("GET", "/session").status_code == 401
    rows = site.table._connection.execute("SELECT pk, sk, body FROM documents").fetchall()
    named = [(pk, sk) for pk, sk, body in rows if "member@example.com" in f"{pk} {body}"]
    assert named == []
    of_user = {
        (pk.partition("#")[0], sk.partition("#")[0])
        for pk, sk, body in rows
        if member.user_id in f"{pk} {body}"
    }
    assert of_user == {("ORG", "audit")}
    mine = fresh(site, mine)
    assert [one["email"] for one in mine.owner.must("GET", f"{mine.path}/members")] == [mine.owner.email]
    events = mine.owner.must("GET", f"{mine.path}/audit")
    assert (events[0]["actor"], events[0]["action"]) == (member.user_id, "member.leave")
    site.people.pop("member@example.com")
    again = site.person("member@example.com")
    assert again.user_id != member.user_id
    assert again.must("GET", "/organizations") == []


def test_the_last_owner_cannot_leave(site: Site) -> None:
    """And loses nothing by trying: not even the seats that they could give back."""
    mine, other = held(site), held(site, "other@example.com")
    owner = site.join(other.owner, other.id, mine.owner.email, Role.VIEWER)
    refused = owner.ask("DELETE", "/account")
    assert refused.status_code == 409
    assert mine.id in refused.json()["detail"]
    assert len(owner.must("GET", "/organizations")) == 2
    site.join(mine.owner, mine.id, "heir@example.com", Role.OWNER)
    assert fresh(site, mine).owner.ask("DELETE", "/account").status_code == 204


@pytest.mark.parametrize("failing", [1, 2, 4, 6])
def test_leaving_that_is_cut_short_can_be_asked_for_again(
    site: Site, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is half gone can still sign in and finish."""
    mine = held(site)
    member = site.join(mine.owner, mine.id, "member@example.com", Role.ADMIN)
    transact, calls = site.table.transact, 0

    def cut(changes: Any) -> bool:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise Unavailable("cut off")
        return transact(changes)

    with monkeypatch.context() as patch:
        patch.setattr(site.table, "transact", cut)
        status = member.ask("DELETE", "/account").status_code
    assert status == (204 if calls < failing else 503)
    if status == 503:
        site.people.pop("member@example.com")
        assert site.person("member@example.com").ask("DELETE", "/account").status_code == 204
    rows = site.table._connection.execute("SELECT pk, body FROM documents").fetchall()
    assert [pk for pk, body in rows if "member@example.com" in f"{pk} {body}"] == []


def test_an_operator_beside_a_running_server(site: Site, tmp_path: Path) -> None:
    """Lists, suspends and resumes; the server publishes. What was certified is kept."""
    mine = held(site)
    data_dir = tmp_path / "beside"
    data_dir.mkdir()
    (data_dir / PLATFORM_FILE).symlink_to(tmp_path / "platform.db")

    def run(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(cli, ["platform", "organizations", *arguments, "--data-dir", str(data_dir)])
        assert done.exit_code == status, done.output
        return done.stdout or done.stderr

    (listed,) = json.loads(run("list", "--json"))["organizations"]
    assert (listed["id"], listed["status"], listed["delete_at"]) == (mine.id, "active", None)
    assert json.loads(run("suspend", mine.id, "--json"))["status"] == "suspended"
    pass_on(site)
    assert statuses(site, mine.key) == (403, 403)
    run("suspend", mine.id, "--read-only")
    pass_on(site)
    assert statuses(site, mine.key) == (200, 403)
    run("resume", mine.id)
    pass_on(site)
    assert statuses(site, mine.key) == (200, 200)
    assert "There is no organization" in run("suspend", "org_absent", status=3)
    assert "no certificate" in run("certificate", mine.id, status=3)
    due(site, mine)
    for _ in range(4):
        pass_on(site)
    assert json.loads(run("certificate", mine.id)) == certificate(site, mine.owner.email)
    assert json.loads(run("list", "--json"))["organizations"] == []
    with sqlite3.connect(data_dir / PLATFORM_FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
