"""Signing in: codes and links by mail, sessions, and what they are safe from."""

from __future__ import annotations

import pytest

from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.api.auth import BROWSER_COOKIE, CSRF_HEADER, SESSION_COOKIE
from quartzdb_platform.domain.session_limits import SessionLimits
from quartzdb_platform.identity.sign_in import CODE_MS, OF_EMAIL, TRIES_MAX
from tests.platform.conftest import Site

ADA = "ada@example.com"


def begin(site: Site, email: str = ADA) -> str:
    assert site.http.post(f"{PREFIX}/sign-in", json={"email": email}).status_code == 202
    return site.mailbox.code(email)


def verify(site: Site, code: str, email: str = ADA) -> int:
    return site.http.post(f"{PREFIX}/sign-in/verify", json={"email": email, "code": code}).status_code


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08d}"


def test_a_code_signs_in_once(site: Site) -> None:
    """The first time makes the account, the next finds it; spaces and the address's case do not matter."""
    first = site.person(ADA)
    code = begin(site, " Ada@Example.COM ".strip().lower())
    answer = site.http.post(
        f"{PREFIX}/sign-in/verify", json={"email": "ADA@example.com", "code": f"{code[:4]} {code[4:]}"}
    )
    assert answer.json()["user_id"] == first.user_id
    assert verify(site, code) == 401


def test_a_code_ends(site: Site) -> None:
    """After its time; and a newer one takes its place."""
    code = begin(site)
    site.clock.seconds += CODE_MS / 1_000
    assert verify(site, code) == 401
    older, newer = begin(site), begin(site)
    assert verify(site, older) == (200 if older == newer else 401)
    assert verify(site, newer) == 200


def test_a_code_cannot_be_guessed(site: Site) -> None:
    """After some wrong ones the right one is not taken either; the link is, so nobody can keep another one out."""
    code = begin(site)
    for _ in range(TRIES_MAX):
        assert verify(site, wrong(code)) == 401
    assert verify(site, code) == 401
    _, link = site.mailbox.secret(ADA, "sign-in").split(".")
    assert site.http.post(f"{PREFIX}/sign-in/link", json={"email": ADA, "link": link}).status_code == 200


def test_codes_are_asked_for_no_oftener_than_people_do(site: Site) -> None:
    """By address of the mailbox; it says when to try again, and then it works."""
    for _ in range(OF_EMAIL.burst):
        begin(site)
    refused = site.http.post(f"{PREFIX}/sign-in", json={"email": ADA})
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_attempts"
    site.clock.seconds += int(refused.headers["Retry-After"])
    begin(site)


def test_nothing_tells_whether_there_is_an_account(site: Site) -> None:
    """The same answers, before and after."""
    site.person(ADA)
    known = site.http.post(f"{PREFIX}/sign-in", json={"email": ADA})
    unknown = site.http.post(f"{PREFIX}/sign-in", json={"email": "nobody@example.com"})
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    bad = [
        site.http.post(f"{PREFIX}/sign-in/verify", json={"email": email, "code": "1"})
        for email in (ADA, "nobody@example.com", "never.asked@example.com")
    ]
    assert {(answer.status_code, answer.text) for answer in bad} == {(401, bad[0].text)}


def test_a_link_works_in_the_browser_that_asked(site: Site) -> None:
    """And in no other, once."""
    begin(site)
    _, link = site.mailbox.secret(ADA, "sign-in").split(".")
    browser = site.http.cookies[BROWSER_COOKIE]
    site.http.cookies.clear()
    body = {"email": ADA, "link": link}
    assert site.http.post(f"{PREFIX}/sign-in/link", json=body).status_code == 401
    cookie = {"Cookie": f"{BROWSER_COOKIE}={browser}"}
    assert site.http.post(f"{PREFIX}/sign-in/link", json=body, headers=cookie).status_code == 200
    assert site.http.post(f"{PREFIX}/sign-in/link", json=body, headers=cookie).status_code == 401


def test_cookies_are_of_this_host_and_of_no_script(site: Site) -> None:
    """Every attribute that keeps them so."""
    answer = site.http.post(f"{PREFIX}/sign-in/verify", json={"email": ADA, "code": begin(site)})
    cookies = [value for value in answer.headers.get_list("set-cookie") if SESSION_COOKIE in value]
    assert len(cookies) == 1
    for attribute in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert attribute in cookies[0]
    assert "Domain" not in cookies[0]
    assert SESSION_COOKIE.startswith("__Host-")


def test_a_cookie_alone_changes_nothing(site: Site) -> None:
    """Another site can have the browser send it, but does not know the session's token."""
    code = begin(site)
    token = site.http.post(f"{PREFIX}/sign-in/verify", json={"email": ADA, "code": code}).json()["csrf_token"]
    new = {"name": "Analytical"}
    assert site.http.get(f"{PREFIX}/organizations").status_code == 200
    for sent in ("", "x", token[:-1], f"{token[:-1]}!"):
        headers = {CSRF_HEADER: sent}
        assert site.http.post(f"{PREFIX}/organizations", json=new, headers=headers).status_code == 403
    assert (
        site.http.post(f"{PREFIX}/organizations", json=new, headers={CSRF_HEADER: token}).status_code == 201
    )


def test_sessions_are_seen_and_ended(site: Site) -> None:
    """One's own, each by itself, at once; and all by time."""
    ada = site.person(ADA)
    del site.people[ADA]
    again = site.person(ADA)
    sessions = ada.must("GET", "/sessions")
    assert len(sessions) == 2
    site.person("eve@example.com").ask("DELETE", f"/sessions/{sessions[0]['id']}")
    assert ada.ask("GET", "/session").status_code == 200
    again.must("DELETE", f"/sessions/{sessions[0]['id']}")
    assert ada.ask("GET", "/session").status_code == 401
    again.must("DELETE", "/session")
    assert again.ask("GET", "/session").status_code == 401
    eve = site.people["eve@example.com"]
    site.clock.seconds += SessionLimits().lasts_ms / 1_000
    assert eve.ask("GET", "/session").status_code == 401


def test_no_secret_is_stored(site: Site) -> None:
    """Neither of sessions nor of codes, links and invitations."""
    ada = site.person(ADA)
    organization = site.organization(ada)
    ada.must(
        "POST", f"/organizations/{organization}/invitations", {"email": "b@example.com", "role": "viewer"}
    )
    invitation = site.mailbox.secret("b@example.com", "invitation")
    code = begin(site, "c@example.com")
    link = site.mailbox.secret("c@example.com", "sign-in").split(".")[1]
    rows = site.table._rows("SELECT pk || sk || body FROM documents", ())
    stored = "".join(str(row[0]) for row in rows)
    assert ADA in stored
    for secret in (ada.token, ada.token.removeprefix("qdb_sess_"), invitation, link, f'"{code}"'):
        assert secret not in stored


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "a@b",
        "a b@example.com",
        "a@example.com\nBcc: b@example.com",
        "@example.com",
        "a@-.com",
        "é@" + "a" * 300 + ".com",
    ],
)
def test_what_is_no_address_is_refused(site: Site, email: str) -> None:
    """Nothing is mailed, and no header can be added."""
    answer = site.http.post(f"{PREFIX}/sign-in", json={"email": email})
    assert answer.status_code == 400
    assert answer.json()["field"] == "email"
    assert list(site.mailbox.directory.iterdir()) == []
