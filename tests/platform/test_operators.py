"""What operators do, beside the table and over HTTP, and that nobody else does."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app as create_database_app
from quartzdb.cli.main import cli
from quartzdb.domain.errors import Unauthenticated
from quartzdb.services.keys import checksum_of
from quartzdb_platform.accounts import store
from quartzdb_platform.accounts.deletions import certificate_place
from quartzdb_platform.adapters.dynamodb_documents import DynamoDocuments
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.identity.credentials import Credentials
from quartzdb_platform.local_platform import PLATFORM_FILE, with_platform
from quartzdb_platform.mail.suppressions import Suppressed, Suppressions
from quartzdb_platform.plans import pending
from quartzdb_platform.ports import Delete, Put
from quartzdb_platform.transaction import change
from tests.aws_emulators import Emulators
from tests.http_server import serving
from tests.manual_clock import ManualClock
from tests.platform.conftest import Person, Site
from tests.platform.test_access import OPERATOR

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def sign_up_is_open() -> bool:
    """By invitation, so that somebody waits."""
    return False


@pytest.fixture
def operator(site: Site) -> Person:
    made, text, puts = site.platform.credentials.new_operator("laptop", 3_600_000)
    change(site.table, lambda: (None, puts))
    return Person(site.http, made.id, text)


def admitted(site: Site, email: str) -> Person:
    """Somebody who was invited before there was anybody to invite."""
    waits(site, email)
    site.platform.waitlist.invite(1)
    return site.person(email)


def waits(site: Site, *emails: str) -> None:
    for email in emails:
        assert site.http.post(f"{PREFIX}/waitlist", json={"email": email}).status_code == 202
        link = site.mailbox.secret(email, "waitlist").split(".")[1]
        body = {"email": email, "link": link}
        assert site.http.post(f"{PREFIX}/waitlist/confirm", json=body).status_code == 200
        site.clock.seconds += 60


BODIES: dict[str, object] = {
    "POST /operator/waitlist/invite": {"count": 1},
    "POST /operator/waitlist/resend": {"email": ADA},
    "POST /operator/mail/lift": {"email": ADA},
    "PUT /operator/organizations/{organization_id}/status": {"status": "suspended"},
    "PUT /operator/organizations/{organization_id}/plan": {"plan": "business"},
}


def test_nobody_else_is_an_operator(site: Site, operator: Person) -> None:
    """Neither an owner nor a token of an organization, nor a token that has ended; and an operator is no member."""
    owner = admitted(site, "owner@example.com")
    organization = site.organization(owner)
    token = owner.must("POST", f"/organizations/{organization}/tokens", {"name": "t", "role": "admin"})[
        "token"
    ]
    _, ended, puts = site.platform.credentials.new_operator("old", 1_000)
    change(site.table, lambda: (None, puts))
    site.clock.seconds += 1
    for route in sorted(OPERATOR):
        method, _, path = route.partition(" ")
        path = path.format(organization_id=organization, of_id=organization)
        for person, status in (
            (owner, 403),
            (Person(site.http, "", token), 403),
            (Person(site.http, "", ended), 401),
        ):
            assert person.ask(method, path, BODIES.get(route)).status_code == status, route
        assert site.http.request(method, f"{PREFIX}{path}", json=BODIES.get(route)).status_code == 401
        # Nor does it travel as a cookie, which another site could have a browser send.
        site.http.cookies.set("__Host-quartzdb-session", operator.token)
        refused = site.http.request(method, f"{PREFIX}{path}", json=BODIES.get(route))
        assert refused.status_code in {401, 403}, route
        site.http.cookies.clear()
    assert site.platform.organizations.of_user(owner.user_id)[0][0].status == "active"
    for path in ("/session", "/sessions", "/organizations"):
        assert operator.ask("GET", path).status_code == 403
    assert operator.ask("GET", f"/organizations/{organization}").status_code == 404
    assert operator.ask("POST", "/start", {}).status_code == 403


def test_the_waiting_list_is_worked_off_over_http(site: Site, operator: Person) -> None:
    """In the order in which people came, and nobody twice."""
    waits(site, ADA, BOB)
    assert operator.must("GET", "/operator/waitlist") == {"waiting": [ADA, BOB]}
    first = operator.must("POST", "/operator/waitlist/invite", {"count": 1})
    assert first == {"invited": [ADA], "undeliverable": []}
    assert operator.must("POST", "/operator/waitlist/invite", {"count": 50})["invited"] == [BOB]
    assert operator.must("POST", "/operator/waitlist/invite", {"count": 50})["invited"] == []
    assert operator.ask("POST", "/operator/waitlist/invite", {"count": 51}).json()["field"] == "count"
    operator.must("POST", "/operator/waitlist/resend", {"email": ADA})
    assert operator.ask("POST", "/operator/waitlist/resend", {"email": "eve@example.com"}).status_code == 404
    assert sum("It is your turn" in text for text in site.mailbox.texts(ADA)) == 2


def test_a_suppression_is_lifted(site: Site, operator: Person) -> None:
    """Mail goes there again; once there is none, that is told."""
    suppressions = Suppressions(site.table, site.clock)
    suppressions.add(ADA, Suppressed.COMPLAINT)
    assert site.http.post(f"{PREFIX}/waitlist", json={"email": ADA}).status_code != 202
    lifted = operator.must("POST", "/operator/mail/lift", {"email": " Ada@Example.com "})
    assert lifted["was"] == "complaint"
    assert site.http.post(f"{PREFIX}/waitlist", json={"email": ADA}).status_code == 202
    assert operator.must("POST", "/operator/mail/lift", {"email": ADA})["was"] is None
    assert operator.ask("POST", "/operator/mail/lift", {"email": "nobody"}).json()["field"] == "email"


def test_organizations_are_listed_suspended_and_put_on_plans(site: Site, operator: Person) -> None:
    """Each is in the organization's audit log, with the token that did it."""
    owner = admitted(site, "owner@example.com")
    ids = []
    for number in range(3):
        site.clock.seconds += 1  # what is made in one millisecond comes in any order
        ids.append(site.organization(owner, f"number {number}"))
    page = operator.must("GET", "/operator/organizations?limit=2")
    assert [one["id"] for one in page["organizations"]] == ids[:2]
    rest = operator.must("GET", f"/operator/organizations?limit=2&after={page['next']}")
    assert ([one["id"] for one in rest["organizations"]], rest["next"]) == (ids[2:], None)
    one = f"/operator/organizations/{ids[0]}"
    project = owner.must("POST", f"/organizations/{ids[0]}/projects", {"name": "p"})["id"]
    operator.must("PUT", f"{one}/status", {"status": "read_only"})
    operator.must("PUT", f"{one}/plan", {"plan": "pro"})
    grant = site.database.tenants.grant(project)
    assert (grant.status, grant.plan) == ("read_only", "pro")
    events = owner.must("GET", f"/organizations/{ids[0]}/audit?action=plan.")
    assert [event["actor"] for event in events] == [f"operator:{operator.email}"]
    for path, body, field in (
        ("status", {"status": "asleep"}, "status"),
        ("plan", {"plan": "gold"}, "plan"),
    ):
        assert operator.ask("PUT", f"{one}/{path}", body).json()["field"] == field
    assert operator.ask("PUT", "/operator/organizations/org_x/plan", {"plan": "pro"}).status_code == 404


def test_organizations_from_before_there_was_a_list_are_listed(tmp_path: Path, site: Site) -> None:
    """By whatever opens the file, once."""
    owner = admitted(site, "owner@example.com")
    organization = site.organization(owner)
    listed = site.table.get("ORGANIZATIONS", organization)
    assert listed is not None
    assert site.table.transact([Delete(listed.pk, listed.sk, listed.revision)])
    assert store.organization_ids(site.table, limit=9) == []
    (tmp_path / "platform.db").chmod(0o600)
    for _ in range(2):
        told = run("organizations", "list", "--data-dir", str(tmp_path), "--json")
        assert [one["id"] for one in json.loads(told.stdout)["organizations"]] == [organization]


# --- on the command line


def run(*arguments: str, token: str | None = None) -> Result:
    env = {} if token is None else {"QUARTZDB_OPERATOR_TOKEN": token}
    return CliRunner().invoke(cli, ["platform", *arguments], env=env)


@pytest.fixture
def served(site: Site) -> Iterator[str]:
    """The same platform behind a socket."""
    with serving(with_platform(create_database_app(site.database), site.platform)) as url:
        yield url


def test_commands_work_on_an_address(site: Site, served: str, tmp_path: Path) -> None:
    """As on a directory; without a token, or with another, they say what is missing."""
    waits(site, ADA, BOB)
    made = json.loads(run("operator", "create", "--name", "ci", "--data-dir", str(tmp_path), "--json").stdout)
    there = ("--url", served, "--json")
    invite = ("waitlist", "invite", "--count", "500", *there)
    missing = run(*invite)
    assert missing.exit_code == 1
    assert "quartzdb platform operator create" in missing.stderr
    wrong = run(*invite, token="qdb_oper_" + "0" * 70)
    assert (wrong.exit_code, "has ended" in wrong.stderr) == (1, True)
    assert told(*invite, token=made["token"]) == {"invited": [ADA, BOB], "undeliverable": []}
    assert run("waitlist", "resend", ADA, "--url", served, token=made["token"]).exit_code == 0
    assert told("waitlist", "list", *there, token=made["token"]) == {"waiting": []}
    Suppressions(site.table, site.clock).add(ADA, Suppressed.BOUNCE)
    assert told("mail", "lift", ADA, *there, token=made["token"]) == {"email": ADA, "was": "bounce"}
    organization = site.organization(site.person(ADA))
    told("plan", "set", organization, "pro", *there, token=made["token"])
    told("organizations", "suspend", organization, *there, token=made["token"])
    (listed,) = told("organizations", "list", *there, token=made["token"])["organizations"]
    assert (listed["plan"], listed["status"]) == ("pro", "suspended")
    assert told("plan", "publish", *there, token=made["token"]) == {"organizations": 1}
    assert store_pending(site) == [organization]
    verified = told("audit", "verify", organization, *there, token=made["token"])
    assert verified == {"organization": organization, "events": verified["events"], "whole": True}
    assert verified["events"] == site.platform.audit.count(organization) > 2
    assert "no events" in run("audit", "verify", "org_x", *there, token=made["token"]).stderr
    place = certificate_place(organization)
    assert site.table.transact([Put(*place, {"organization": organization})])
    at_address = ("--url", served)
    assert told("organizations", "certificate", organization, *at_address, token=made["token"]) == {
        "organization": organization
    }
    absent = run("organizations", "certificate", "prj_x", *at_address, token=made["token"])
    assert (absent.exit_code, "no certificate" in absent.stderr) == (3, True)
    event = site.table.get(store.organization_pk(organization), "audit#000000000002")
    assert event is not None
    edited = Put(event.pk, event.sk, {**event.body, "action": "nothing"}, event.revision)
    assert site.table.transact([edited])
    broken = run("audit", "verify", organization, *there, token=made["token"])
    assert (broken.exit_code, "is broken" in broken.stderr) == (1, True)
    here = ("--data-dir", str(tmp_path), "--json")
    assert [one["name"] for one in told("operator", "list", *here)["tokens"]] == ["ci"]
    told("operator", "revoke", made["id"], *here)
    assert run(*invite, token=made["token"]).exit_code == 1
    assert run("operator", "revoke", made["id"], *here).exit_code != 0


def store_pending(site: Site) -> list[str]:
    return list(pending.noted(site.table, limit=10))


def test_a_token_is_made_in_the_table_of_a_deployment(
    aws: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever may write there; it is good for the platform over that table, until it is revoked."""
    emulator = aws.get("ministack")
    table = emulator.new_place().table
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    monkeypatch.setenv("HOME", str(tmp_path))
    made = told("operator", "create", "--name", "laptop", "--table", table, "--json")
    credentials = Credentials(
        DynamoDocuments(DynamoTable(emulator.dynamodb, table, SystemClock())), SystemClock()
    )
    assert credentials.authenticate(made["token"]).id == made["id"]
    listed = told("operator", "list", "--table", table, "--json")["tokens"]
    assert [one["name"] for one in listed] == ["laptop"]
    told("operator", "revoke", made["id"], "--table", table, "--json")
    with pytest.raises(Unauthenticated):
        credentials.authenticate(made["token"])
    assert told("operator", "list", "--table", table, "--json") == {"tokens": []}


def told(*arguments: str, token: str | None = None) -> Any:
    done = run(*arguments, token=token)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_suppression_is_lifted_beside_the_directory(tmp_path: Path) -> None:
    """With no server there."""
    with SqliteDocuments(tmp_path / PLATFORM_FILE) as table:
        Suppressions(table, ManualClock()).add(ADA, Suppressed.BOUNCE)
    lifted = run("mail", "lift", ADA, "--data-dir", str(tmp_path))
    assert "Nothing stood against" in lifted.stdout  # three months are over
    assert "no platform" in run("mail", "lift", ADA, "--data-dir", str(tmp_path / "none")).stderr


# --- secrets


def test_a_secret_has_a_checksum_and_older_ones_go_on(
    site: Site, operator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As API keys have: the last six characters are of the 64 before them."""
    owner = admitted(site, "owner@example.com")
    organization = site.organization(owner)
    made = owner.must("POST", f"/organizations/{organization}/tokens", {"name": "t", "role": "viewer"})
    for text, prefix in (
        (made["token"], "qdb_mgmt_"),
        (owner.token, "qdb_sess_"),
        (operator.token, "qdb_oper_"),
    ):
        secret, checksum = text.removeprefix(prefix)[:64], text[-6:]
        assert len(text) == len(prefix) + 70
        assert checksum == checksum_of(secret) == base62(zlib.crc32(secret.encode()))
    (sample,) = re.findall(
        r"^qdb_mgmt_([0-9a-f]{64}\w{6})$", Path("docs/platform.md").read_text("utf-8"), re.M
    )
    assert sample[64:] == checksum_of(sample[:64])
    monkeypatch.setattr(site.platform.credentials, "_new_text", lambda _: "qdb_mgmt_" + "ab" * 32)
    old = owner.must("POST", f"/organizations/{organization}/tokens", {"name": "old", "role": "viewer"})
    assert len(old["token"]) == len("qdb_mgmt_") + 64
    Person(site.http, "", old["token"]).must("GET", f"/organizations/{organization}")


def base62(number: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(digits[number // 62**place % 62] for place in reversed(range(6)))
