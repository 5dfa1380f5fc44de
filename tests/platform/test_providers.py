"""Signing in with a provider over real HTTP: whom it may sign in, and how it, or somebody else, may lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey

from quartzdb.domain.errors import InvalidArgument, Unavailable
from quartzdb_platform.adapters.client_secret import secret_in_file, secret_of
from quartzdb_platform.adapters.github_provider import GithubProvider
from quartzdb_platform.adapters.identity_providers import identity_providers
from quartzdb_platform.adapters.openid_provider import AGAIN_MS, FRESH_MS, OpenIdProvider
from quartzdb_platform.adapters.provider_http import ProviderHttp
from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.api.auth import PROVIDER_COOKIE, SESSION_COOKIE
from quartzdb_platform.domain.provider import ProviderSettings
from quartzdb_platform.identity.providers import ATTEMPT_MS
from quartzdb_platform.ports import IdentityProvider
from tests.manual_clock import ManualClock
from tests.platform.conftest import CONSOLE_URL, Person, Site
from tests.platform.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, serving

ADA = "ada@example.com"
CALLBACK = f"{PREFIX}/sign-in/providers/acme/callback"


@pytest.fixture
def issuer(clock: ManualClock) -> Iterator[Issuer]:
    with serving(Issuer(clock)) as one:
        yield one


@pytest.fixture
def other(clock: ManualClock) -> Iterator[Issuer]:
    with serving(Issuer(clock, path="/tenant")) as one:
        yield one


@pytest.fixture
def providers(
    issuer: Issuer, other: Issuer, clock: ManualClock, tmp_path: Path
) -> Mapping[str, IdentityProvider]:
    (tmp_path / "secret").write_text(f"{CLIENT_SECRET}\n", "utf-8")
    secret = secret_in_file(tmp_path / "secret")
    http = ProviderHttp(private=True)
    settings = ProviderSettings("acme", "Acme", issuer.url, CLIENT_ID)
    narrow = ProviderSettings("narrow", "Narrow", other.url, CLIENT_ID, domains=("example.org",))
    return {
        "acme": OpenIdProvider(settings, http, clock, secret),
        "narrow": OpenIdProvider(narrow, http, clock, secret),
        "github": GithubProvider(CLIENT_ID, secret, http, site=issuer.url, api=issuer.url),
    }


def begin(site: Site, name: str = "acme") -> str:
    answer = site.http.post(f"{PREFIX}/sign-in/providers/{name}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["authorization_url"])


def come_back(site: Site, parameters: dict[str, str], name: str = "acme", accept: str = "*/*") -> Any:
    path = f"{PREFIX}/sign-in/providers/{name}/callback"
    return site.http.get(path, params=parameters, headers={"Accept": accept}, follow_redirects=False)


def signed_in(site: Site, parameters: dict[str, str], name: str = "acme") -> Person:
    answer = come_back(site, parameters, name)
    assert answer.status_code == 303, answer.text
    token = answer.cookies[SESSION_COOKIE]
    site.http.cookies.clear()
    person = Person(site.http, "", token)
    session = person.must("GET", "/session")
    return Person(site.http, session["email"], token, session["user_id"])


def test_a_provider_signs_in_and_is_known_again(site: Site, issuer: Issuer) -> None:
    """The first time makes the account; then its subject is who it is, whatever address it names."""
    assert site.http.get(f"{PREFIX}/sign-in/providers").json()[0] == {"name": "acme", "title": "Acme"}
    url = begin(site)
    assert url.startswith(f"{issuer.url}/authorize?")
    answer = issuer.authorize(url)
    assert answer["state"] not in "".join(
        str(row) for row in site.table._rows("SELECT body FROM documents", ())
    )
    ada = signed_in(site, answer)
    assert ada.email == ADA
    again = signed_in(site, issuer.authorize(begin(site), email="new.address@example.com"))
    assert (again.user_id, again.email) == (ada.user_id, ADA)
    (linked,) = ada.must("GET", "/identities")
    assert (linked["provider"], linked["issuer"]) == ("acme", issuer.url)
    assert site.mailbox.texts(ADA) == []
    ada.must("POST", "/passkeys/options")


def test_one_account_is_of_one_address(site: Site, issuer: Issuer) -> None:
    """Who signed in by mail is the same person, and is told that there is another way in; it can be taken away."""
    ada = site.person(ADA)
    linked = signed_in(site, issuer.authorize(begin(site), email="Ada@Example.com"))
    assert linked.user_id == ada.user_id
    assert "Acme" in site.mailbox.texts(ADA)[-1]
    (identity,) = ada.must("GET", "/identities")
    eve = site.person("eve@example.com")
    assert eve.ask("DELETE", f"/identities/{identity['id']}").status_code == 404
    ada.must("DELETE", f"/identities/{identity['id']}")
    assert ada.must("GET", "/identities") == []
    other = signed_in(site, issuer.authorize(begin(site), email="eve@example.com"))
    assert other.user_id == eve.user_id


@pytest.mark.parametrize("verified", [False, None, "false", 1, "yes", []])
def test_an_address_that_is_not_verified_is_nobodys(site: Site, issuer: Issuer, verified: object) -> None:
    """Nor is there an account made for it."""
    ada = site.person(ADA)
    answer = come_back(site, issuer.authorize(begin(site), email_verified=verified))
    assert answer.status_code == 401
    assert ada.must("GET", "/identities") == []


LIES: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "for somebody else": {"aud": "another-client"},
    "for several, and not ours": {"aud": [CLIENT_ID, "another"], "azp": "another"},
    "for several, and nobody says whose": {"aud": [CLIENT_ID, "another"]},
    "another issuer": {"iss": "https://evil.example.com"},
    "no issuer": {"iss": None},
    "over": {"exp": 1_699_999_000},
    "never over": {"exp": None},
    "not yet made": {"iat": 1_700_009_000},
    "not yet good": {"nbf": 1_700_009_000},
    "of nobody": {"sub": None},
    "of an empty name": {"sub": ""},
    "of a number": {"sub": 7},
    "without a signature": {"header": {"alg": "none"}},
    "signed with the public key": {"header": {"alg": "HS256"}},
    "signed by another": {"key": ECKey.generate_key("P-256", {"kid": "one"})},
    "no address": {"email": None},
    "an address that is none": {"email": "nobody"},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_token_that_is_not_as_it_should_be_opens_nothing(
    site: Site, issuer: Issuer, lie: dict[str, Any]
) -> None:
    """And a person sees a page, not a document."""
    answer = come_back(site, issuer.authorize(begin(site), **lie))
    assert answer.status_code in {400, 401}, answer.text
    assert SESSION_COOKIE not in answer.cookies
    shown = come_back(site, issuer.authorize(begin(site), **lie), accept="text/html")
    assert (shown.status_code, shown.headers["location"]) == (303, "/platform/?refused=1")
    assert SESSION_COOKIE not in shown.cookies
    assert site.platform.sign_in._people.known(ADA) is None


def test_a_state_is_of_one_browser_once_and_soon(site: Site, issuer: Issuer) -> None:
    """Nobody is signed in to another's account by a link, nor with a link that was used."""
    stolen = issuer.authorize(begin(site))
    site.http.cookies.clear()
    begin(site)
    assert come_back(site, stolen).status_code == 401
    used = issuer.authorize(begin(site))
    cookie = site.http.cookies[PROVIDER_COOKIE]
    signed_in(site, used)
    site.http.cookies.set(PROVIDER_COOKIE, cookie)
    again = issuer.authorize(begin(site))
    assert come_back(site, {**used, "code": again["code"]}).status_code == 401
    late = issuer.authorize(begin(site))
    site.clock.seconds += ATTEMPT_MS / 1_000
    assert come_back(site, late).status_code == 401
    for state in ("", "é", "A", "=" * 9, "x" * 4_000):
        assert come_back(site, {"code": "c", "state": state}).status_code == 401


def test_a_code_is_of_one_attempt(site: Site, issuer: Issuer) -> None:
    """One that was given for another is worth nothing: it has another verifier, and another nonce."""
    injected = issuer.authorize(begin(site))
    site.http.cookies.clear()
    mine = issuer.authorize(begin(site))
    assert come_back(site, {**mine, "code": injected["code"]}).status_code == 401


def test_what_was_begun_with_one_is_not_finished_by_another(
    site: Site, issuer: Issuer, other: Issuer
) -> None:
    """Mix-up: the state is of one provider, and whoever says that they are another is refused."""
    answer = other.authorize(begin(site, "narrow"), email="ada@example.org")
    assert come_back(site, answer, "acme").status_code == 401
    wrong = {**issuer.authorize(begin(site)), "iss": other.url}
    assert come_back(site, wrong).status_code == 401
    right = {**issuer.authorize(begin(site)), "iss": issuer.url}
    assert come_back(site, right).status_code == 303


def test_who_says_that_they_say_who_they_are_has_to(site: Site, issuer: Issuer) -> None:
    """RFC 9207: leaving it out is an attack, then."""
    issuer.document["authorization_response_iss_parameter_supported"] = True
    assert come_back(site, issuer.authorize(begin(site))).status_code == 401
    assert come_back(site, {**issuer.authorize(begin(site)), "iss": issuer.url}).status_code == 303


def test_a_provider_speaks_for_its_domains_alone(site: Site, other: Issuer) -> None:
    """Where the settings name some."""
    refused = other.authorize(begin(site, "narrow"))
    assert come_back(site, refused, "narrow").status_code == 401
    ada = signed_in(site, other.authorize(begin(site, "narrow"), email="ada@example.org"), "narrow")
    assert ada.email == "ada@example.org"


def test_new_keys_of_a_provider_are_found(site: Site, issuer: Issuer) -> None:
    """Soon after they are used, and not for every forged token."""
    signed_in(site, issuer.authorize(begin(site)))
    forged = ECKey.generate_key("P-256", {"kid": "forged"})
    header = {"alg": "ES256", "kid": "forged"}
    read = issuer.asked.count("/keys")
    for _ in range(3):
        assert come_back(site, issuer.authorize(begin(site), header=header, key=forged)).status_code == 401
    assert issuer.asked.count("/keys") == read
    site.clock.seconds += AGAIN_MS / 1_000
    issuer.key = forged
    signed_in(site, issuer.authorize(begin(site), header=header))
    site.clock.seconds += FRESH_MS / 1_000
    signed_in(site, issuer.authorize(begin(site), header=header))
    assert issuer.asked.count("/.well-known/openid-configuration") == 2


def test_a_person_who_says_no_is_not_signed_in(site: Site) -> None:
    """What the provider says of it is shown to nobody."""
    begin(site)
    answer = come_back(site, {"error": "<script>", "state": "x"})
    assert answer.status_code == 401
    assert "script" not in answer.text
    assert site.http.post(f"{PREFIX}/sign-in/providers/absent").status_code == 404


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example.com"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://example.com/authorize"},
        {"authorization_endpoint": None},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": ["x"]},
        {"jwks_uri": "http://10.0.0.1/keys"},
        {"jwks_uri": "https://user@example.com/keys"},
    ],
)
def test_discovery_leads_nowhere_else(site: Site, issuer: Issuer, document: dict[str, Any]) -> None:
    """Plain HTTP, other schemes, and another issuer's name are not followed."""
    issuer.document.update(document)
    answer = site.http.post(f"{PREFIX}/sign-in/providers/acme")
    if answer.status_code == 200:
        answer = come_back(site, issuer.authorize(answer.json()["authorization_url"]))
    assert answer.status_code == 503, answer.text


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("::1", "fe80::1%eth0", "fd00::1", "::ffff:10.0.0.1", "224.0.0.1"),
    ],
)
def test_no_name_leads_to_a_private_network(address: str) -> None:
    """Unless the settings say so. What was looked up is what is connected to, so no second look-up differs."""

    def look_up(_: str, port: int, **__: object) -> list[Any]:
        return [(2, 1, 6, "", ("8.8.8.8", port)), (2, 1, 6, "", (address, port))]

    http = ProviderHttp(look_up=look_up)
    with pytest.raises(Unavailable, match="private network"):
        http.get("https://provider.example.com/.well-known/openid-configuration")


def test_plain_http_is_for_this_machine(clock: ManualClock) -> None:
    """And even that has to be allowed."""
    with pytest.raises(InvalidArgument, match="https"):
        identity_providers([ProviderSettings("a", "A", "http://example.com", "c")], clock)
    with pytest.raises(InvalidArgument, match="secret"):
        identity_providers([ProviderSettings("github", "A", "https://github.com", "c")], clock)
    with pytest.raises(InvalidArgument, match="Secrets Manager"):
        identity_providers(
            [ProviderSettings("a", "A", "https://a.example", "c", client_secret_arn="arn")], clock
        )
    stored = identity_providers(
        [ProviderSettings("a", "A", "https://a.example", "c", client_secret_arn="arn")],
        clock,
        lambda _: lambda: ["now", "before"],
    )
    assert list(stored) == ["a"]
    assert secret_of(lambda: ["now", "before"], "arn")() == "now"
    with pytest.raises(Unavailable):
        secret_of(list, "arn")()


def test_a_secret_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """By the name of its file, and not what is in it."""
    (tmp_path / "empty").write_text("\n", "utf-8")
    for name in ("empty", "absent"):
        with pytest.raises(Unavailable, match=name):
            secret_in_file(tmp_path / name)()


def test_github_names_the_primary_address(site: Site, issuer: Issuer) -> None:
    """If it is verified; any other is not asked, and neither is the one that a person shows to all."""
    path = "github"
    issuer.emails = [
        {"email": "second@example.com", "primary": False, "verified": True},
        {"email": ADA, "primary": True, "verified": True},
    ]
    url = begin(site, path)
    assert "scope=user%3Aemail" in url
    ada = signed_in(site, issuer.authorize(url), path)
    assert ada.email == ADA
    site.clock.seconds += 3_600
    assert signed_in(site, issuer.authorize(begin(site, path)), path).user_id == ada.user_id
    ada.must("DELETE", f"/identities/{ada.must('GET', '/identities')[0]['id']}")
    for emails in (
        [{"email": "eve@example.com", "primary": True, "verified": False}],
        [{"email": "eve@example.com", "primary": False, "verified": True}],
        [],
    ):
        issuer.emails = emails
        assert come_back(site, issuer.authorize(begin(site, path)), path).status_code == 401
    wrong = {**issuer.authorize(begin(site, path)), "code": "guessed"}
    assert come_back(site, wrong, path).status_code == 401


def test_the_callback_is_at_the_public_address(site: Site) -> None:
    """Which is what has to be told to the provider."""
    assert "redirect_uri=" in begin(site)
    assert site.platform.providers._callback("acme") == f"{CONSOLE_URL}/v1/sign-in/providers/acme/callback"
    assert site.platform.providers._callback("acme").endswith(CALLBACK.removeprefix("/platform"))
