"""A platform over real adapters in a directory, asked through its application."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from quartzdb.services.tenant_export import TenantExport
from quartzdb.wiring.embedded import Database, EmbeddedSettings, embedded_adapters
from quartzdb.wiring.embedded import assemble as assemble_database
from quartzdb_platform.adapters.held_namespaces import HeldNamespaces
from quartzdb_platform.adapters.local_data import LocalData
from quartzdb_platform.adapters.outbox import Outbox
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.api.app import PREFIX, create_app
from quartzdb_platform.domain.passkey import RelyingParty
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.domain.plan import Plans
from quartzdb_platform.local_platform import REMAINS
from quartzdb_platform.payments import Payments
from quartzdb_platform.plans.plan_file import load_plans
from quartzdb_platform.ports import IdentityProvider
from quartzdb_platform.wiring import Platform, assemble
from tests.doubles.archives_here import ArchivesHere
from tests.manual_clock import ManualClock
from tests.platform.billing.till import SECRET, Till

DATABASE_URL = "https://db.example.com"
CONSOLE_ORIGIN = "https://console.example.com"
CONSOLE_URL = f"{CONSOLE_ORIGIN}/platform"


@dataclass
class Mailbox:
    """What was mailed, the newest last."""

    directory: Path

    def texts(self, to: str) -> list[str]:
        messages = [
            message_from_bytes(file.read_bytes(), policy=policy.default)
            for file in sorted(self.directory.glob("*.eml"))
        ]
        return [one.get_content() for one in messages if one["To"] == to]

    def code(self, to: str) -> str:
        numbers = re.findall(r"\b\d{6,8}\b", self.texts(to)[-1])
        assert len(numbers) == 1, "the code is the only such number"
        return str(numbers[0])

    def secret(self, to: str, name: str) -> str:
        found = re.search(rf"#{name}=(\S+)", self.texts(to)[-1])
        assert found is not None
        return found[1]


@dataclass
class Person:
    """Somebody who is signed in, and what they ask."""

    http: TestClient
    email: str
    token: str
    user_id: str = ""

    def ask(self, method: str, path: str, body: object = None) -> Any:
        return self.http.request(
            method, f"{PREFIX}{path}", json=body, headers={"Authorization": f"Bearer {self.token}"}
        )

    def must(self, method: str, path: str, body: object = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


@dataclass
class Site:
    """One machine's platform."""

    platform: Platform
    http: TestClient
    mailbox: Mailbox
    clock: ManualClock
    table: SqliteDocuments
    database: Database
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, email: str) -> Person:
        """Who has that address, signed in with a code."""
        if email not in self.people:
            self.clock.seconds += 60  # further apart than the rates of one address
            assert self.http.post(f"{PREFIX}/sign-in", json={"email": email}).status_code == 202
            answer = self.http.post(
                f"{PREFIX}/sign-in/verify", json={"email": email, "code": self.mailbox.code(email)}
            )
            assert answer.status_code == 200, answer.text
            self.http.cookies.clear()
            document = answer.json()
            self.people[email] = Person(self.http, email, document["token"], document["user_id"])
        return self.people[email]

    def organization(self, owner: Person, name: str = "Analytical") -> str:
        return str(owner.must("POST", "/organizations", {"name": name})["id"])

    def join(self, owner: Person, organization: str, email: str, role: Role) -> Person:
        """Have somebody invited by the owner, and accept."""
        person = self.person(email)
        owner.must("POST", f"/organizations/{organization}/invitations", {"email": email, "role": role.value})
        person.must("POST", "/invitations/accept", {"invitation": self.mailbox.secret(email, "invitation")})
        return person


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def providers() -> Mapping[str, IdentityProvider]:
    """Who may sign people in; a module that has some says which."""
    return {}


@pytest.fixture
def sign_up_is_open() -> bool:
    """Whether anybody may have an account; a module in which nobody may says so."""
    return True


@pytest.fixture
def plans() -> Plans:
    """What is sold; a module in which that changes says what."""
    return load_plans()


@pytest.fixture
def payments(clock: ManualClock) -> Payments | None:
    """Who takes the money; a module in which nobody does says so."""
    return Till(clock)


@pytest.fixture
def site(
    tmp_path: Path,
    clock: ManualClock,
    providers: Mapping[str, IdentityProvider],
    sign_up_is_open: bool,
    plans: Plans,
    payments: Payments | None,
) -> Iterator[Site]:
    adapters = embedded_adapters(EmbeddedSettings(tmp_path / "data"), clock)
    database = assemble_database(adapters, writer="test.1", workspace=tmp_path / "building")
    export = TenantExport(database.namespaces, database.records, database.key_values)
    with SqliteDocuments(tmp_path / "platform.db") as table:
        outbox = Outbox(tmp_path / "outbox", "QuartzDB <no-reply@example.com>", clock)
        platform = assemble(
            table,
            outbox,
            database.api_keys,
            database.tenants,
            clock,
            CONSOLE_URL,
            namespaces=database.namespaces,
            database_url=DATABASE_URL,
            providers=providers,
            sign_up_is_open=sign_up_is_open,
            plans=plans,
            relying_party=RelyingParty("example.com", (CONSOLE_ORIGIN,)),
            tenants=database.tenant_deletion(),
            data=LocalData(export),
            archives=ArchivesHere(export),
            makes_archives=False,
            descriptions=HeldNamespaces(database.namespaces),
            look=lambda: database.namespaces.list("status", limit=1),
            remains=REMAINS,
            scrub=table.scrub,
            payments=payments,
            webhook_secrets=lambda: (SECRET,),
            code_hash_cost=2,  # most tests sign somebody in, and none of them guesses codes by their hashes
        )
        with TestClient(create_app(platform), base_url=CONSOLE_ORIGIN) as http:
            yield Site(platform, http, Mailbox(outbox.directory), clock, table, database)
