"""Leaked keys: what a provider signed ends them; what anybody else sends, or sends again, changes nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.testclient import TestClient

from quartzdb_platform.accounts.secret_scanning import MATCHES_MAX, SecretScanning
from quartzdb_platform.adapters.outbox import Outbox
from quartzdb_platform.adapters.published_keys import PublishedKeys
from quartzdb_platform.api.app import PREFIX, create_app
from quartzdb_platform.domain.permissions import Role
from quartzdb_platform.identity.provider_signature import FETCH_EVERY_SECONDS, ProviderSignatures
from quartzdb_platform.transaction import change
from tests.platform.conftest import Person, Site
from tests.recording_origin import RecordingOrigin, recording_origin

Signed = dict[str, str]


@dataclass
class Provider:
    """Who scans: signs with a key that it publishes at a real address."""

    origin: RecordingOrigin
    keys: dict[str, ec.EllipticCurvePrivateKey]

    def publish(self, name: str) -> None:
        self.keys[name] = ec.generate_private_key(ec.SECP256R1())
        listed = [
            {
                "key_identifier": one,
                "key": key.public_key()
                .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
                .decode(),
                "is_current": True,
            }
            for one, key in self.keys.items()
        ]
        self.origin.body = json.dumps({"public_keys": listed}).encode()

    def headers(self, body: bytes, name: str = "first") -> Signed:
        signature = self.keys[name].sign(body, ec.ECDSA(SHA256()))
        return {
            "Github-Public-Key-Identifier": name,
            "Github-Public-Key-Signature": base64.b64encode(signature).decode(),
        }


@pytest.fixture(scope="module")
def origin() -> Iterator[RecordingOrigin]:
    with recording_origin("keys") as origin:
        yield origin


@pytest.fixture
def provider(origin: RecordingOrigin) -> Provider:
    origin.asked.clear()
    provider = Provider(origin, {})
    provider.publish("first")
    return provider


@pytest.fixture
def send(site: Site, provider: Provider) -> Iterator[Callable[..., Any]]:
    url = f"http://127.0.0.1:{provider.origin.address.port}/keys"
    scanning = SecretScanning(
        site.table,
        site.platform.audit,
        site.database.api_keys,
        site.platform.credentials,
        Outbox(site.mailbox.directory, "QuartzDB <no-reply@example.com>", site.clock),
        ProviderSignatures(PublishedKeys(url), site.clock),
        site.clock,
    )
    platform = replace(site.platform, secret_scanning=scanning)
    with TestClient(create_app(platform), base_url="https://console.example.com") as http:

        def send(matches: object, headers: Signed | None = None, body: bytes | None = None) -> Any:
            content = json.dumps(matches).encode() if body is None else body
            signed = provider.headers(content) if headers is None else headers
            return http.post(f"{PREFIX}/secret-scanning/github", content=content, headers=signed)

        yield send


@dataclass
class Leaked:
    owner: Person
    organization: str
    project: str
    key: dict[str, Any]
    token: dict[str, Any]

    def actions(self) -> list[tuple[str, str, str]]:
        events = self.owner.must("GET", f"/organizations/{self.organization}/audit")
        return [
            (event["actor"], event["action"], event["target"])
            for event in events
            if event["action"].endswith(".leaked")
        ]


@pytest.fixture
def leaked(site: Site) -> Leaked:
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    site.join(owner, organization, "second@example.com", Role.OWNER)
    site.join(owner, organization, "admin@example.com", Role.ADMIN)
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": "engine"})["id"]
    key = owner.must("POST", f"/projects/{project}/keys", {"name": "web", "scopes": ["read"]})
    owner = site.person("owner@example.com")
    token = owner.must("POST", f"/organizations/{organization}/tokens", {"name": "ci", "role": "viewer"})
    return Leaked(owner, organization, project, key, token)


def match(text: str, url: str = "https://github.com/someone/code/blob/main/.env") -> dict[str, str]:
    return {"token": text, "type": "quartzdb_api_key", "url": url, "source": "content"}


def told(site: Site, email: str) -> list[str]:
    return [text for text in site.mailbox.texts(email) if "revoked" in text]


def test_what_leaked_ends_and_its_owners_hear_of_it(
    site: Site, leaked: Leaked, send: Callable[..., Any]
) -> None:
    """A key and a management token; once, however often the message comes."""
    made_up = "qdb_live_000102030405_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0tat6J"
    matches = [match(leaked.key["key"]), match(leaked.token["token"]), match(made_up), match("nothing")]
    for _ in range(3):
        answer = send(matches)
        assert answer.status_code == 200, answer.text
        labels = {one["token_hash"]: one["label"] for one in answer.json()}
        assert labels == {
            hashlib.sha256(one["token"].encode()).hexdigest(): f"{genuine}_positive"
            for one, genuine in zip(matches, ("true", "true", "false", "false"), strict=True)
        }
        assert leaked.key["key"] not in answer.text
    (stored,) = site.database.api_keys.list(leaked.project)
    assert stored.revoked_at_ms is not None
    token = Person(site.http, "", leaked.token["token"])
    assert token.ask("GET", f"/organizations/{leaked.organization}").status_code == 401
    assert leaked.actions() == [
        ("secret-scanning:github", "token.leaked", leaked.token["id"]),
        ("secret-scanning:github", "key.leaked", f"{leaked.project}/{leaked.key['id']}"),
    ]
    for owner in ("owner@example.com", "second@example.com"):
        of_key, of_token = told(site, owner)
        assert "web" in of_key
        assert "https://github.com/someone/code/blob/main/.env" in of_key
        assert "ci" in of_token
    assert told(site, "admin@example.com") == []
    path = f"/organizations/{leaked.organization}/audit/verify"
    assert leaked.owner.must("GET", path)["whole"]


def test_a_session_that_leaked_ends_and_its_person_hears_of_it(
    site: Site, leaked: Leaked, send: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Once, and no other session; what signed an operator in ends as well, and the log says so."""
    eve = site.person("eve@example.com")
    _, text, puts = site.platform.credentials.new_operator("laptop", 3_600_000)
    change(site.table, lambda: (None, puts))
    for _ in range(2):
        answer = send([match(eve.token), match(text)])
        assert [one["label"] for one in answer.json()] == ["true_positive"] * 2
    assert eve.ask("GET", "/session").status_code == 401
    assert Person(site.http, "", text).ask("GET", "/operator/organizations").status_code == 401
    assert leaked.owner.ask("GET", "/session").status_code == 200
    (mail,) = [one for one in site.mailbox.texts("eve@example.com") if "published" in one]
    assert "https://github.com/someone/code/blob/main/.env" in mail
    assert "a token of an operator leaked" in caplog.text


def test_what_was_not_signed_changes_nothing(
    site: Site, leaked: Leaked, provider: Provider, send: Callable[..., Any]
) -> None:
    """Nor what was signed and changed, nor a signature with a key that the provider does not publish."""
    matches = [match(leaked.key["key"])]
    body = json.dumps(matches).encode()
    good = provider.headers(body)
    stranger = Provider(provider.origin, {"first": ec.generate_private_key(ec.SECP256R1())})
    for headers in (
        {},
        {**good, "Github-Public-Key-Signature": ""},
        {**good, "Github-Public-Key-Signature": "no base64"},
        {**good, "Github-Public-Key-Signature": base64.b64encode(b"0" * 70).decode()},
        {**good, "Github-Public-Key-Identifier": "unknown"},
        stranger.headers(body),
        provider.headers(body + b" "),
    ):
        answer = send(matches, headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), headers
    (stored,) = site.database.api_keys.list(leaked.project)
    assert stored.revoked_at_ms is None
    assert leaked.actions() == []
    assert send(matches, good).status_code == 200


def test_keys_are_fetched_at_most_once_a_minute(
    site: Site, leaked: Leaked, provider: Provider, send: Callable[..., Any]
) -> None:
    """Whoever names unknown ones. A key that the provider publishes later is found."""
    for number in range(20):
        assert send([match("x")], {"Github-Public-Key-Identifier": f"k{number}"}).status_code == 401
        headers = {**provider.headers(b"x"), "Github-Public-Key-Identifier": f"k{number}"}
        assert send([match("x")], headers).status_code == 401
    assert len(provider.origin.asked) == 1
    provider.publish("second")
    body = json.dumps([match(leaked.key["key"])]).encode()
    assert send(None, provider.headers(body, "second"), body).status_code == 401
    site.clock.seconds += FETCH_EVERY_SECONDS
    assert send(None, provider.headers(body, "second"), body).status_code == 200
    assert len(provider.origin.asked) == 2


def test_a_provider_whose_keys_cannot_be_read_is_asked_again(
    site: Site, provider: Provider, send: Callable[..., Any]
) -> None:
    """The message has to come again, and says so."""
    provider.origin.status = 500
    try:
        answer = send([match("x")])
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    finally:
        provider.origin.status = 200
    site.clock.seconds += FETCH_EVERY_SECONDS
    assert send([match("x")]).status_code == 200


def test_messages_have_bounds(provider: Provider, send: Callable[..., Any]) -> None:
    """Only of what was signed anything is told."""
    for body in (b"", b"{}", b"[]", b"[1]", b'[{"token": 1}]', b'[{"token": "' + b"x" * 513 + b'"}]'):
        assert send(None, body=body).status_code == 400, body
    assert send([match(str(number)) for number in range(MATCHES_MAX)]).status_code == 200
    assert send([match(str(number)) for number in range(MATCHES_MAX + 1)]).status_code == 400
    assert send(None, {}, b" " * (1024 * 1024 + 1)).status_code == 413


def test_an_address_in_a_mail_is_one_line(site: Site, leaked: Leaked, send: Callable[..., Any]) -> None:
    """Whoever publishes a key chooses where."""
    send([match(leaked.key["key"], "https://example.com/\n\nDear owner, sign in at https://evil.example")])
    (text,) = told(site, "owner@example.com")
    assert "\n\nDear owner" not in text


def test_a_mail_that_failed_is_sent_when_the_message_comes_again(
    site: Site, leaked: Leaked, send: Callable[..., Any]
) -> None:
    """The key has ended all the same."""
    outbox = site.mailbox.directory
    outbox.rename(outbox.with_name("away"))
    assert send([match(leaked.key["key"])]).status_code == 503
    (stored,) = site.database.api_keys.list(leaked.project)
    assert stored.revoked_at_ms is not None
    outbox.with_name("away").rename(outbox)
    assert told(site, "owner@example.com") == []
    assert send([match(leaked.key["key"])]).status_code == 200
    assert len(told(site, "owner@example.com")) == 1
    assert len(leaked.actions()) == 1


def test_without_a_provider_nothing_is_taken(site: Site) -> None:
    """The operator names one, or nobody reports anything."""
    assert site.http.post(f"{PREFIX}/secret-scanning/github", content=b"[]").status_code == 404
