"""Mail by a real server and by an emulated SES: what arrives, what does not, and what is left as it was then."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto.ses.models import ses_backends

from quartzdb.domain.errors import Unavailable
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from quartzdb_platform.accounts.members import Members
from quartzdb_platform.adapters.client_secret import secret_in_file
from quartzdb_platform.adapters.mailers import mailer_of
from quartzdb_platform.adapters.outbox import Outbox
from quartzdb_platform.adapters.ses_mailer import SesMailer
from quartzdb_platform.adapters.smtp_mailer import SmtpMailer
from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.aws_lambda.mail_events_function import mail_events_function
from quartzdb_platform.aws_lambda.settings import read_metering_settings
from quartzdb_platform.domain.errors import Undeliverable
from quartzdb_platform.domain.mail_settings import MailBy, MailSettings, SmtpSecurity
from quartzdb_platform.domain.permissions import Permission
from quartzdb_platform.identity.sign_in import SignIn
from quartzdb_platform.mail import messages
from quartzdb_platform.mail.delivery_events import apply_delivery_event
from quartzdb_platform.mail.suppressions import (
    SUPPRESSED_MS,
    Suppressed,
    SuppressingMailer,
    Suppressions,
)
from quartzdb_platform.ports import Mail
from tests.aws_emulators import REGION, Emulators
from tests.manual_clock import ManualClock
from tests.platform.conftest import Site
from tests.platform.smtp_server import MailServer, mail_server

ADA = "ada@example.com"
SENDER = "QuartzDB <no-reply@example.com>"
LINK = "https://console.example.com/platform/sign-in#sign-in=" + "x" * 200
MAIL = messages.sign_in(ADA, "12345678", LINK, 10)


@pytest.fixture
def suppressions(tmp_path: Path, clock: ManualClock) -> Iterator[Suppressions]:
    with SqliteDocuments(tmp_path / "mail.db") as table:
        yield Suppressions(table, clock)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mail"), password=b"correct horse") as one:
        yield one


def by_smtp(server: MailServer, clock: ManualClock, directory: Path, **more: Any) -> SmtpMailer:
    (directory / "password").write_text("correct horse\n", "utf-8")
    settings = MailSettings(MailBy.SMTP, SENDER, "localhost", server.port, username="platform")
    return SmtpMailer(
        replace(settings, **more), secret_in_file(directory / "password"), clock, tls=server.trusting
    )


def test_mail_arrives_over_tls_as_it_was_written(
    server: MailServer, clock: ManualClock, tmp_path: Path
) -> None:
    """A link is one line to whoever reads it, however long."""
    by_smtp(server, clock, tmp_path).send(MAIL)
    arrived = server.received[-1]
    assert (arrived["From"], arrived["To"], arrived["Subject"]) == (SENDER, ADA, MAIL.subject)
    assert arrived.get_content().replace("\r\n", "\n") == MAIL.text
    assert LINK in arrived.get_content().splitlines()[-3]
    assert arrived["Message-ID"].endswith("@example.com>")
    assert arrived["Date"] == "Tue, 14 Nov 2023 22:13:20 -0000"
    assert server.signed_in[-1] == "platform"


def test_a_mailbox_that_is_not_there_is_told_apart(
    server: MailServer, clock: ManualClock, tmp_path: Path, suppressions: Suppressions
) -> None:
    """It is not tried again for three months; one that is refused otherwise, or for now, is."""
    mailer = SuppressingMailer(by_smtp(server, clock, tmp_path), suppressions)
    gone, full, unwanted = (f"{name}@example.com" for name in ("gone", "full", "unwanted"))
    server.refuses.update(
        {gone: "550 5.1.1 No such user", full: "452 4.2.2 Full", unwanted: "550 5.7.1 Looks like spam"}
    )
    for address, kind in ((gone, Undeliverable), (full, Unavailable), (unwanted, Undeliverable)):
        for _ in range(2):
            with pytest.raises(kind):
                mailer.send(MAIL._replace(to=address))
    assert [server.asked.count(address) for address in (gone, full, unwanted)] == [1, 2, 2]
    server.refuses.clear()
    mailer.send(MAIL._replace(to=full))
    clock.seconds += SUPPRESSED_MS / 1_000
    mailer.send(MAIL._replace(to=gone))


def test_a_server_that_cannot_be_trusted_gets_nothing(
    server: MailServer, clock: ManualClock, tmp_path: Path
) -> None:
    """No mail and no password: with another certificate, another name, the wrong password, or without TLS."""
    before = len(server.received)
    strict = by_smtp(server, clock, tmp_path)
    strict._tls = ssl.create_default_context
    other_name = by_smtp(server, clock, tmp_path, host="127.0.0.1")
    in_clear = by_smtp(server, clock, tmp_path, security=SmtpSecurity.NONE)
    for mailer in (strict, other_name, in_clear):
        with pytest.raises(Unavailable, match="could not be sent"):
            mailer.send(MAIL)
    wrong = by_smtp(server, clock, tmp_path)
    (tmp_path / "password").write_text("wrong", "utf-8")
    with pytest.raises(Unavailable, match="535"):
        wrong.send(MAIL)
    assert len(server.received) == before
    with mail_server(tmp_path, tls=False) as plain:
        plain.certificate = server.certificate
        with pytest.raises(Unavailable, match="NotSupported"):
            by_smtp(plain, clock, tmp_path).send(MAIL)
        settings = MailSettings(MailBy.SMTP, SENDER, "127.0.0.1", plain.port, SmtpSecurity.NONE)
        SmtpMailer(settings, None, clock).send(MAIL)
        assert len(plain.received) == 1


def test_nobody_there_is_told_and_not_waited_for(clock: ManualClock) -> None:
    """A port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings = MailSettings(MailBy.SMTP, SENDER, "127.0.0.1", free.getsockname()[1])
        with pytest.raises(Unavailable, match="ConnectionRefused"):
            SmtpMailer(settings, None, clock).send(MAIL)


def test_ses_takes_mail(aws: Emulators, clock: ManualClock) -> None:
    """From a sender that was verified; from another the mail is refused, in words."""
    emulator = aws.get("moto")
    client = AwsClients(REGION, AwsEndpoints.at(emulator.endpoint_url)).ses
    refused = SesMailer(client, "QuartzDB <stranger@example.net>", clock)
    with pytest.raises(Unavailable, match="MessageRejected"):
        refused.send(MAIL)
    client.create_email_identity(EmailIdentity="no-reply@example.com")
    SesMailer(client, SENDER, clock).send(MAIL)
    backends = [backend for account in ses_backends.values() for backend in account.values()]
    sent = [message for backend in backends for message in backend.sent_messages]
    assert set(sent[-1].destinations) == {ADA}
    assert "12345678" in sent[-1].raw_data


def test_the_settings_say_who_takes_mail(tmp_path: Path, clock: ManualClock) -> None:
    """A folder, if they say nothing."""

    def ses(region: str | None) -> Any:
        return AwsClients(region, AwsEndpoints.at("http://127.0.0.1:1")).ses

    made = {by: mailer_of(MailSettings(by, region=REGION), tmp_path / "out", clock, ses) for by in MailBy}
    kinds = {MailBy.OUTBOX: Outbox, MailBy.SMTP: SmtpMailer, MailBy.SES: SesMailer}
    assert {by: type(mailer) for by, mailer in made.items()} == kinds
    with pytest.raises(Unavailable, match="Amazon SES"):
        made[MailBy.SES].send(MAIL)


def bounce(address: str, kind: str = "Permanent", name: str = "notificationType") -> dict[str, Any]:
    recipients = [{"emailAddress": address, "status": "5.1.1", "action": "failed"}]
    return {
        name: "Bounce",
        "bounce": {"bounceType": kind, "bounceSubType": "General", "bouncedRecipients": recipients},
        "mail": {"destination": [address]},
    }


def complaint(address: str, **more: str) -> dict[str, Any]:
    recipients = [{"emailAddress": address}]
    return {"eventType": "Complaint", "complaint": {"complainedRecipients": recipients, **more}}


def test_what_came_back_for_good_is_not_sent_again(suppressions: Suppressions) -> None:
    """A complaint likewise; a full mailbox, a delay and what is no address change nothing."""
    assert apply_delivery_event(bounce("Gone <GONE@Example.com>"), suppressions) == 1
    assert apply_delivery_event(bounce("gone@example.com", name="eventType"), suppressions) == 1
    assert apply_delivery_event(complaint("angry@example.com"), suppressions) == 1
    for harmless in (
        bounce("full@example.com", "Transient"),
        bounce("full@example.com", "Undetermined"),
        bounce("no address"),
        complaint("kind@example.com", complaintFeedbackType="not-spam"),
        {"eventType": "Delivery", "mail": {}},
    ):
        assert apply_delivery_event(harmless, suppressions) == 0
    for address, says in (("gone@example.com", "came back"), ("angry@example.com", "unwanted")):
        with pytest.raises(Undeliverable, match=says):
            suppressions.require_none(address)
    for address in ("full@example.com", "kind@example.com", ADA):
        suppressions.require_none(address)
    for broken in ({}, {"eventType": "Bounce"}, {"eventType": "Complaint", "complaint": {}}):
        with pytest.raises(ValueError, match="event of SES"):
            apply_delivery_event(broken, suppressions)


def test_the_function_is_told_by_sns(aws: Emulators, clock: ManualClock) -> None:
    """Into the platform's table; twice is once, and what it cannot read fails."""
    emulator = aws.get("moto")
    table = emulator.new_place().table
    environment = {
        "QUARTZDB_PLATFORM_TABLE": table,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": emulator.endpoint_url,
    }
    function = mail_events_function(read_metering_settings(environment))
    event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(bounce(ADA))}}]}

    class Context:
        function_name = "mail-events"
        memory_limit_in_mb = 128
        invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:mail-events"
        aws_request_id = "1"

    for _ in range(2):
        assert function(event, Context()) == {"suppressed": 1}
    items = emulator.dynamodb.scan(TableName=table)["Items"]
    assert len(items) == 1
    assert ADA not in str(items)
    with pytest.raises(json.JSONDecodeError):
        function({"Records": [{"Sns": {"Message": "{"}}]}, Context())


class Failing:
    """Mailer."""

    def send(self, mail: Mail) -> None:
        raise Unavailable("The mail could not be sent.")


def documents(site: Site) -> list[Any]:
    return [
        row
        for row in site.table._rows("SELECT * FROM documents ORDER BY pk, sk", ())
        if "RATE#" not in row[0]
    ]


def test_where_no_mail_can_be_sent_nothing_is_done(site: Site) -> None:
    """The code of before stays good, no invitation takes a seat, and it is told."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    site.clock.seconds += 600
    assert site.http.post(f"{PREFIX}/sign-in", json={"email": ADA}).status_code == 202
    code = site.mailbox.code(ADA)
    before = documents(site)
    own = site.platform.sign_in
    broken = SignIn(site.table, own._credentials, own._people, Failing(), site.clock, LINK)
    with pytest.raises(Unavailable):
        broken.begin(ADA, "")
    mine = site.platform.credentials.authenticate(owner.token)
    access = site.platform.organizations.access(mine, organization, Permission.MEMBERS_MANAGE, "")
    members = site.platform.members
    unmailed = Members(site.table, members._audit, Failing(), members._grants, site.clock, LINK)
    with pytest.raises(Unavailable):
        unmailed.invite(access, site.platform.credentials.user(mine), "b@example.com", "viewer")
    assert documents(site) == before
    body = {"email": ADA, "code": code}
    assert site.http.post(f"{PREFIX}/sign-in/verify", json=body).status_code == 200


def test_a_person_is_told_that_their_address_takes_no_mail(site: Site) -> None:
    """Whether or not there is an account: it says nothing about that."""
    site.person(ADA)
    site.clock.seconds += 600
    suppressions = Suppressions(site.table, site.clock)
    for address in (ADA, "nobody@example.com"):
        assert suppressions.add(address, Suppressed.BOUNCE)
        refused = site.http.post(f"{PREFIX}/sign-in", json={"email": address})
        assert (refused.status_code, refused.json()["code"]) == (400, "undeliverable")
