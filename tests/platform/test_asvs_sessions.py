"""Sessions as OWASP's ASVS 4.0.3 has them: chapter 3, and what others say of sessions. docs/asvs.md has the numbers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.api.auth import CSRF_HEADER, SESSION_COOKIE
from quartzdb_platform.domain.session_limits import SessionLimits
from quartzdb_platform.identity.credentials import STEP_UP_MS, Credentials
from tests.platform.conftest import CONSOLE_ORIGIN, Person, Site
from tests.platform.soft_authenticator import SoftAuthenticator
from tests.platform.test_access import OPEN, routes

ADA = "ada@example.com"


def signed_in(site: Site, email: str = ADA) -> dict[str, Any]:
    """With the cookies of `site.http`, which is a browser here."""
    site.clock.seconds += 600
    assert site.http.post(f"{PREFIX}/sign-in", json={"email": email}).status_code == 202
    body = {"email": email, "code": site.mailbox.code(email)}
    answer = site.http.post(f"{PREFIX}/sign-in/verify", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def is_good(site: Site, token: str) -> bool:
    status = Person(TestClient(site.http.app), "", token).ask("GET", "/session").status_code
    assert status in {200, 401}
    return bool(status == 200)


def test_3_4_every_cookie_is_of_this_host_over_tls_and_of_no_script(site: Site) -> None:
    """3.4.1 to 3.4.5: whatever sets one, and also where it is taken back."""
    answers = [
        site.http.post(f"{PREFIX}/sign-in", json={"email": ADA}),
        site.http.post(f"{PREFIX}/sign-in/passkey/options"),
        site.http.post(f"{PREFIX}/sign-in/verify", json={"email": ADA, "code": site.mailbox.code(ADA)}),
    ]
    headers = {CSRF_HEADER: answers[-1].json()["csrf_token"]}
    answers.append(site.http.delete(f"{PREFIX}/session", headers=headers))
    cookies = [cookie for answer in answers for cookie in answer.headers.get_list("set-cookie")]
    assert len(cookies) >= 5
    for cookie in cookies:
        name, *attributes = cookie.split("; ")
        assert name.startswith("__Host-"), cookie
        assert {"HttpOnly", "Secure", "SameSite=lax", "Path=/"} <= set(attributes), cookie
        assert not any(attribute.lower().startswith("domain") for attribute in attributes), cookie


def test_3_2_1_signing_in_is_a_new_session_and_ends_the_one_before(site: Site) -> None:
    """In this browser; those of other ones go on."""
    elsewhere = signed_in(site)["token"]
    site.http.cookies.clear()
    first = signed_in(site)["token"]
    second = signed_in(site)["token"]
    assert first != second
    assert site.http.cookies[SESSION_COOKIE] == second
    assert [is_good(site, token) for token in (elsewhere, first, second)] == [True, False, True]


def test_3_2_1_showing_again_who_one_is_is_a_new_session(site: Site) -> None:
    """The one before ends, also for whoever copied it."""
    token = signed_in(site)["token"]
    device = SoftAuthenticator(CONSOLE_ORIGIN)
    ada = Person(site.http, ADA, token)
    options = ada.must("POST", "/passkeys/options")["public_key"]
    ada.must("POST", "/passkeys", {"name": "x", "credential": device.create(options)})
    asked = ada.must("POST", "/step-up/passkey/options")["public_key"]
    fresh = ada.must("POST", "/step-up/passkey", {"credential": device.get(asked)})["token"]
    assert fresh != token
    assert [is_good(site, one) for one in (token, fresh)] == [False, True]


def test_3_2_1_a_session_that_was_planted_is_not_taken(site: Site) -> None:
    """Fixation: signing in makes a secret of its own, whatever the browser came with."""
    planted = "qdb_sess_" + "0" * 64
    site.http.cookies.set(SESSION_COOKIE, planted)
    token = signed_in(site)["token"]
    assert token != planted
    assert [is_good(site, one) for one in (planted, token)] == [False, True]
    others = signed_in(site, "eve@example.com")
    site.http.cookies.clear()
    site.http.cookies.set(SESSION_COOKIE, others["token"])
    mine = signed_in(site)
    assert mine["user_id"] != others["user_id"]


def test_3_2_2_and_3_2_3_a_secret_has_256_bits_and_only_its_hash_is_kept(site: Site) -> None:
    """And each is another."""
    tokens = {signed_in(site)["token"] for _ in range(4)}
    assert len(tokens) == 4
    rows = site.table._rows("SELECT pk || sk || body FROM documents", ())
    stored = "".join(str(row[0]) for row in rows)
    for token in tokens:
        secret = token.removeprefix("qdb_sess_")
        assert len(bytes.fromhex(secret[:64])) == 32
        assert secret not in stored


def test_3_3_1_signing_out_ends_it_and_nothing_is_left_in_a_cache(site: Site) -> None:
    """For whoever has a copy, too; the back button shows nothing."""
    session = signed_in(site)
    shown = site.http.get(f"{PREFIX}/session")
    assert shown.headers["cache-control"] == "no-store"
    cookie = site.http.cookies[SESSION_COOKIE]
    headers = {CSRF_HEADER: session["csrf_token"]}
    assert site.http.delete(f"{PREFIX}/session", headers=headers).status_code == 204
    assert SESSION_COOKIE not in site.http.cookies
    assert not is_good(site, session["token"])
    again = site.http.get(f"{PREFIX}/session", headers={"Cookie": f"{SESSION_COOKIE}={cookie}"})
    assert again.status_code == 401


@pytest.mark.parametrize(
    "limits",
    [SessionLimits(), SessionLimits(12 * 3_600_000, 30 * 60_000)],
    ids=["usual", "as level 2 has it"],
)
def test_3_3_2_a_session_ends_unused_and_however_much_it_is_used(site: Site, limits: SessionLimits) -> None:
    """Use keeps it, though not beyond its end; what has ended is not listed."""
    credentials = Credentials(site.table, site.clock, limits)
    begun = site.clock.unix_ms()

    def begin() -> str:
        _, text, changes = credentials.new_session("usr_1")
        assert site.table.transact(changes)
        return text

    def passes(milliseconds: float) -> bool:
        site.clock.seconds += milliseconds / 1_000
        return bool(credentials.sessions("usr_1"))

    idle, used = begin(), begin()
    while site.clock.unix_ms() + limits.idle_ms // 2 < begun + limits.lasts_ms:
        assert passes(limits.idle_ms / 2)
        credentials.authenticate(used)
    with pytest.raises(Exception, match="has ended"):
        credentials.authenticate(idle)
    assert len(credentials.sessions("usr_1")) == 1
    assert not passes(limits.idle_ms / 2)
    with pytest.raises(Exception, match="has ended"):
        credentials.authenticate(used)
    late = begin()
    assert not passes(limits.idle_ms)
    with pytest.raises(Exception, match="has ended"):
        credentials.authenticate(late)


def test_3_3_3_and_3_3_4_all_other_sessions_are_seen_and_ended(site: Site) -> None:
    """One's own, and this one stays."""
    others = []
    for _ in range(2):
        others.append(signed_in(site)["token"])
        site.http.cookies.clear()
    eve = signed_in(site, "eve@example.com")["token"]
    site.http.cookies.clear()
    mine = Person(site.http, ADA, signed_in(site)["token"])
    assert len(mine.must("GET", "/sessions")) == 3
    mine.must("DELETE", "/sessions")
    assert [is_good(site, token) for token in (*others, mine.token, eve)] == [False, False, True, True]


def test_3_7_1_what_is_dangerous_needs_a_fresh_sign_in(site: Site) -> None:
    """Tokens and passkeys: what would outlive the session."""
    ada = Person(site.http, ADA, signed_in(site)["token"])
    path = f"/organizations/{site.organization(ada)}/tokens"
    site.clock.seconds += STEP_UP_MS / 1_000 + 1
    for ask, body in ((path, {"name": "t", "role": "viewer"}), ("/passkeys/options", None)):
        refused = ada.ask("POST", ask, body)
        assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required"), ask


def test_4_2_2_no_route_changes_anything_for_a_cookie_alone(site: Site) -> None:
    """CSRF: every one of them, whatever it is about; the answer is the same for what is not there."""
    session = signed_in(site)
    for route in routes(site):
        method, _, path = route.partition(" ")
        if method == "GET" or route in OPEN:
            continue
        answer = site.http.request(method, f"{PREFIX}{path}", json={})
        assert answer.status_code == 403, route
        assert CSRF_HEADER in answer.json()["detail"], route
        wrong = site.http.request(method, f"{PREFIX}{path}", json={}, headers={CSRF_HEADER: "0" * 64})
        assert wrong.status_code == 403, route
    assert is_good(site, session["token"])


def parameters(site: Site) -> Iterator[tuple[str, str]]:
    paths = site.http.app.openapi()["paths"]  # type: ignore[attr-defined]
    for path, methods in paths.items():
        for operation in methods.values():
            yield from (
                (path, one["name"]) for one in operation.get("parameters", []) if one["in"] != "header"
            )


def test_3_1_1_no_address_has_a_secret(site: Site) -> None:
    """But for what a provider sends back, which is good once, in one browser."""
    secret = {"token", "code", "secret", "session", "link", "key", "state", "password", "csrf_token"}
    found = {(path, name) for path, name in parameters(site) if name in secret}
    callback = f"{PREFIX}/sign-in/providers/{{provider}}/callback"
    assert found == {(callback, "code"), (callback, "state")}
    signed_in(site)
    for name in ("sign-in", "link"):
        text = site.mailbox.texts(ADA)[-1]
        assert f"?{name}=" not in text
    assert "#sign-in=" in site.mailbox.texts(ADA)[-1]
    page = site.http.get("/platform/sign-in")
    assert page.headers["referrer-policy"] == "no-referrer"


def test_7_1_1_no_log_line_has_a_secret(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Of any logger, at any level: sessions, codes, links, challenges."""
    caplog.set_level(logging.DEBUG)
    session = signed_in(site)
    code = site.mailbox.code(ADA)
    link = site.mailbox.secret(ADA, "sign-in").split(".")[1]
    ada = Person(site.http, ADA, session["token"])
    device = SoftAuthenticator(CONSOLE_ORIGIN)
    options = ada.must("POST", "/passkeys/options")["public_key"]
    ada.must("POST", "/passkeys", {"name": "x", "credential": device.create(options)})
    asked = site.http.post(f"{PREFIX}/sign-in/passkey/options").json()["public_key"]
    answer = device.get(asked)
    device.keys[-1].count = 0
    body = {"credential": answer}
    assert site.http.post(f"{PREFIX}/sign-in/passkey", json=body).status_code == 200
    assert site.http.post(f"{PREFIX}/sign-in/passkey", json=body).status_code == 401
    lines = "\n".join(record.getMessage() for record in caplog.records)
    assert lines
    fresh = site.http.cookies[SESSION_COOKIE]
    for secret in (session["token"], fresh, code, link, session["csrf_token"], asked["challenge"], ADA):
        assert secret not in lines
