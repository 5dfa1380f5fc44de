"""Sign-up by invitation: who waits, who is invited, and that no answer tells which."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from quartzdb.domain.errors import Forbidden, Unavailable
from quartzdb_platform.accounts import waitlist
from quartzdb_platform.accounts.waitlist import CONFIRM_MS, INVITED_MS
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.mail.suppressions import Suppressed, Suppressions
from quartzdb_platform.ports import Mail
from quartzdb_platform.settings import settings_of
from tests.manual_clock import ManualClock
from tests.platform.conftest import Mailbox, Site

ADA, BOB, EVE = (f"{name}@example.com" for name in ("ada", "bob", "eve"))


@pytest.fixture
def sign_up_is_open() -> bool:
    return False


def join(site: Site, email: str) -> Any:
    site.clock.seconds += 600
    return site.http.post(f"{PREFIX}/waitlist", json={"email": email})


def confirm(site: Site, email: str) -> int:
    _, secret = site.mailbox.secret(email, "waitlist").split(".")
    body = {"email": email, "link": secret}
    return site.http.post(f"{PREFIX}/waitlist/confirm", json=body).status_code


def wait(site: Site, *emails: str) -> None:
    for email in emails:
        assert join(site, email).status_code == 202
        assert confirm(site, email) == 200


def ask_to_sign_in(site: Site, email: str) -> Any:
    site.clock.seconds += 600
    return site.http.post(f"{PREFIX}/sign-in", json={"email": email})


def member(site: Site, email: str) -> None:
    site.table.transact(site.platform.waitlist._admission.admit(email, site.clock.unix_ms() + 10**9))
    site.person(email)


def test_from_waiting_to_an_account(site: Site) -> None:
    """In the order in which they came; signing in makes the account, and the first organization follows."""
    wait(site, ADA, BOB, EVE)
    mine = site.platform.waitlist
    assert [entry.email for entry in mine.waiting()] == [ADA, BOB, EVE]
    assert mine.invite(2) == ([ADA, BOB], [])
    assert [entry.email for entry in mine.waiting()] == [EVE]
    assert "It is your turn" in site.mailbox.texts(ADA)[-1]
    site.person(ADA).must("POST", "/start", {})
    kept = [row[0] for row in site.table._rows("SELECT body FROM documents WHERE sk = 'waiting'", ())]
    assert not any(ADA in str(body) for body in kept), "of no more use, and so forgotten"
    assert ask_to_sign_in(site, EVE).status_code == 202
    assert "It has no account" in site.mailbox.texts(EVE)[-1]
    again = site.people.pop(ADA)
    assert site.person(ADA).user_id == again.user_id


def test_no_answer_tells_how_an_address_stands(site: Site) -> None:
    """Neither of the list nor of signing in; the mailbox is told."""
    member(site, ADA)
    wait(site, BOB)
    join(site, "asked@example.com")
    wait(site, "invited@example.com")
    site.platform.waitlist.invite(9)
    wait(site, EVE)
    everybody = (ADA, BOB, EVE, "asked@example.com", "invited@example.com", "new@example.com")
    answers = [join(site, email) for email in everybody]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    for ask in (ask_to_sign_in,):
        answers = [ask(site, email) for email in everybody]
        assert {(answer.status_code, answer.text, len(answer.cookies)) for answer in answers} == {
            (202, answers[0].text, 1)
        }
    said = {email: "".join(site.mailbox.texts(email)[-2:]) for email in everybody}
    assert "You need not wait" in said[ADA]
    assert "keep your place" in said[EVE]
    assert "Confirm it here" in said["new@example.com"]
    wrong = [
        site.http.post(f"{PREFIX}/waitlist/confirm", json={"email": email, "link": "0" * 64})
        for email in (EVE, "new@example.com", "never.asked@example.com")
    ]
    assert {(answer.status_code, answer.text) for answer in wrong} == {(401, wrong[0].text)}


def test_a_link_proves_an_address_for_a_day(site: Site) -> None:
    """Opening it twice is no harm; a newer one takes its place."""
    join(site, ADA)
    first = site.mailbox.secret(ADA, "waitlist")
    join(site, ADA)
    assert site.mailbox.secret(ADA, "waitlist") != first
    stale = {"email": ADA, "link": first.split(".")[1]}
    assert site.http.post(f"{PREFIX}/waitlist/confirm", json=stale).status_code == 401
    assert [confirm(site, ADA) for _ in range(2)] == [200, 200]
    assert len(site.platform.waitlist.waiting()) == 1
    join(site, BOB)
    site.clock.seconds += CONFIRM_MS / 1_000
    assert confirm(site, BOB) == 401
    wait(site, BOB)


def test_an_invitation_ends_and_is_sent_again(site: Site) -> None:
    """After its time there is no account for it, until it is invited again or has waited again."""
    wait(site, ADA)
    site.platform.waitlist.invite(1)
    site.clock.seconds += INVITED_MS / 1_000
    ask_to_sign_in(site, ADA)
    assert "It has no account" in site.mailbox.texts(ADA)[-1]
    site.platform.waitlist.invite_again(ADA)
    site.person(ADA)
    wait(site, BOB)
    site.platform.waitlist.invite(1)
    site.clock.seconds += INVITED_MS / 1_000
    wait(site, BOB)
    assert [entry.email for entry in site.platform.waitlist.waiting()] == [BOB]


def test_members_of_an_organization_invite_too(site: Site) -> None:
    """Their invitation is one: whoever they invite need not wait."""
    member(site, ADA)
    ada = site.people[ADA]
    organization = site.organization(ada)
    path = f"/organizations/{organization}/invitations"
    ada.must("POST", path, {"email": BOB, "role": Role.VIEWER.value})
    secret = site.mailbox.secret(BOB, "invitation")
    site.person(BOB).must("POST", "/invitations/accept", {"invitation": secret})


def test_an_account_is_refused_however_it_is_proven(site: Site) -> None:
    """The rule is where accounts are made, whoever proves the address."""
    with pytest.raises(Forbidden, match="by invitation"):
        site.platform.sign_in._people.holder(ADA)


def test_an_interrupted_batch_goes_on(site: Site) -> None:
    """Nobody is mailed twice, and an address that takes no mail holds nobody up."""
    wait(site, ADA, BOB, EVE)
    assert Suppressions(site.table, site.clock).add(BOB, Suppressed.BOUNCE)
    own = site.platform.waitlist
    mails = iter([True, False])

    class Stopping:
        def send(self, mail: Mail) -> None:
            if not next(mails):
                raise Unavailable("The mail could not be sent.")
            real.send(mail)

    real, own._mailer = own._mailer, Stopping()
    with pytest.raises(Unavailable):
        own.invite(3)
    own._mailer = real
    assert [entry.email for entry in own.waiting()] == [BOB, EVE]
    assert own.invite(3) == ([EVE], [BOB])
    assert own.waiting() == []
    assert sum("It is your turn" in text for text in site.mailbox.texts(ADA)) == 1


def test_joining_has_a_rate(site: Site) -> None:
    """Of each mailbox: nobody fills another one's."""
    statuses = {site.http.post(f"{PREFIX}/waitlist", json={"email": ADA}).status_code for _ in range(9)}
    assert statuses == {202, 429}
    assert len(site.mailbox.texts(ADA)) == waitlist.OF_EMAIL.burst


def test_on_the_command_line(tmp_path: Path) -> None:
    """Beside the server or without it, with the settings that it has."""
    data = tmp_path / "data"
    data.mkdir()
    settings = tmp_path / "settings.toml"
    settings.write_text('sign_up = "invitation"\n', "utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "quartzdb.cli", "platform", "waitlist", *arguments]
        more = ["--data-dir", str(data), "--settings", str(settings)]
        return subprocess.run([*command, *more], capture_output=True, text=True, check=False)

    assert "no platform" in run("list").stderr
    from quartzdb_platform.local_platform import PLATFORM_FILE, open_waitlist

    with SqliteDocuments(data / PLATFORM_FILE):
        pass
    made = settings_of({"sign_up": "invitation"}, "http://localhost:8787")
    with open_waitlist(data, made, ManualClock()) as opened:
        opened.join(ADA, "")
        opened.confirm(ADA, Mailbox(data / "outbox").secret(ADA, "waitlist").split(".")[1], "")
    assert json.loads(run("list", "--json").stdout) == {"waiting": [ADA]}
    assert json.loads(run("invite", "--count", "5", "--json").stdout) == {
        "invited": [ADA],
        "undeliverable": [],
    }
    assert "http://localhost:8787/platform/" in Mailbox(data / "outbox").texts(ADA)[-1]
    assert run("resend", ADA).returncode == 0
    assert "was not invited" in run("resend", BOB).stderr
