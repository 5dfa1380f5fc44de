"""Passkeys, with an authenticator of the tests' own: what they open, and all that must not."""

from __future__ import annotations

import base64
import contextlib
import copy
from typing import Any

import pytest

from quartzdb.domain.errors import InvalidArgument, Unauthenticated
from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.api.auth import PASSKEY_COOKIE, SESSION_COOKIE
from quartzdb_platform.domain.passkey import PASSKEYS_MAX
from quartzdb_platform.identity import passkeys
from quartzdb_platform.identity.attempts import Rate
from quartzdb_platform.identity.challenges import CHALLENGE_MS
from quartzdb_platform.identity.credentials import STEP_UP_MS
from tests.platform.conftest import CONSOLE_ORIGIN, Person, Site
from tests.platform.soft_authenticator import Flaws, SoftAuthenticator

ADA = "ada@example.com"


@pytest.fixture
def device() -> SoftAuthenticator:
    return SoftAuthenticator(CONSOLE_ORIGIN)


def options_of(person: Person, path: str = "/passkeys/options") -> dict[str, Any]:
    found: dict[str, Any] = person.must("POST", path)["public_key"]
    return found


def add(person: Person, device: SoftAuthenticator, name: str = "Laptop") -> dict[str, Any]:
    body = {"name": name, "credential": device.create(options_of(person))}
    made: dict[str, Any] = person.must("POST", "/passkeys", body)
    return made


def begin(site: Site) -> dict[str, Any]:
    answer = site.http.post(f"{PREFIX}/sign-in/passkey/options")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["public_key"]
    return found


def sign_in(site: Site, credential: dict[str, Any]) -> Any:
    answer = site.http.post(f"{PREFIX}/sign-in/passkey", json={"credential": credential})
    if answer.status_code == 200:
        site.http.cookies.clear()
    return answer


def test_a_passkey_signs_in(site: Site, device: SoftAuthenticator) -> None:
    """Without saying who one is: it is chosen where it lies. It is as good as a code, and says when it was used."""
    ada = site.person(ADA)
    options = options_of(ada)
    assert options["rp"] == {"id": "example.com", "name": "QuartzDB"}
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    made = add(ada, device)
    assert (made["name"], made["used_at"]) == ("Laptop", None)
    asked = begin(site)
    assert asked["allowCredentials"] == []
    answer = sign_in(site, device.get(asked))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["user_id"], answer.json()["email"]) == (ada.user_id, ADA)
    again = Person(site.http, ADA, answer.json()["token"])
    (listed,) = again.must("GET", "/passkeys")
    assert listed["used_at"] is not None
    again.must("POST", "/passkeys/options")


def test_passkeys_are_listed_renamed_and_removed(site: Site, device: SoftAuthenticator) -> None:
    """By their owner alone; what was removed signs nobody in, and each coming and going is mailed."""
    ada, eve = site.person(ADA), site.person("eve@example.com")
    made = add(ada, device)
    path = f"/passkeys/{made['id']}"
    assert eve.must("GET", "/passkeys") == []
    assert eve.ask("PATCH", path, {"name": "mine"}).status_code == 404
    assert eve.ask("DELETE", path).status_code == 404
    assert ada.must("PATCH", path, {"name": "Phone"})["name"] == "Phone"
    assert ada.ask("PATCH", path, {"name": " "}).status_code == 400
    ada.must("DELETE", path)
    assert ada.must("GET", "/passkeys") == []
    assert sign_in(site, device.get(begin(site))).status_code == 401
    told = [text for text in site.mailbox.texts(ADA) if "passkey" in text]
    assert "Laptop" in told[0]
    assert "Phone" in told[1]
    assert len(told) == 2


def test_one_authenticator_is_kept_once(site: Site, device: SoftAuthenticator) -> None:
    """Nobody takes another's key for their own, and the browser is told which ones there are."""
    ada, eve = site.person(ADA), site.person("eve@example.com")
    options = options_of(eve)
    add(ada, device)
    key = device.keys[-1]
    assert [one["id"] for one in options_of(ada)["excludeCredentials"]] == [device.get(begin(site))["id"]]
    copied = device.create(options)
    stolen = copy.deepcopy(copied)
    raw = base64.urlsafe_b64decode(stolen["response"]["attestationObject"] + "==")
    shown = base64.urlsafe_b64encode(key.id).decode().rstrip("=")
    stolen["id"] = stolen["rawId"] = shown
    swapped = raw.replace(device.keys[-1].id, key.id)
    stolen["response"]["attestationObject"] = base64.urlsafe_b64encode(swapped).decode().rstrip("=")
    assert eve.ask("POST", "/passkeys", {"name": "mine", "credential": stolen}).status_code == 409
    assert sign_in(site, device.get(begin(site), key=key)).json()["user_id"] == ada.user_id


FLAWS = {
    "origin": Flaws(origin="https://console.example.com.evil.net"),
    "plain": Flaws(origin="http://console.example.com"),
    "port": Flaws(origin="https://console.example.com:8443"),
    "site": Flaws(rp_id="evil.net"),
    "not unlocked": Flaws(verified=False),
    "nobody there": Flaws(present=False),
    "framed": Flaws(cross_origin=True),
    "own challenge": Flaws(challenge=b"0" * 32),
}


@pytest.mark.parametrize("flaws", FLAWS.values(), ids=FLAWS.keys())
def test_what_was_made_elsewhere_or_unseen_opens_nothing(
    site: Site, device: SoftAuthenticator, flaws: Flaws
) -> None:
    """Neither kept nor taken; the key itself is good."""
    ada = site.person(ADA)
    bad = {"name": "x", "credential": device.create(options_of(ada), flaws)}
    assert ada.ask("POST", "/passkeys", bad).status_code in {400, 401}
    assert ada.must("GET", "/passkeys") == []
    add(ada, device)
    assert sign_in(site, device.get(begin(site), flaws)).status_code in {400, 401}
    assert sign_in(site, device.get(begin(site))).status_code == 200


def test_a_challenge_is_used_once_soon_and_where_it_was_given(site: Site, device: SoftAuthenticator) -> None:
    """A recorded answer is worth nothing, in this browser or another, and one kind is no other."""
    ada = site.person(ADA)
    add(ada, device)
    recorded = device.get(begin(site))
    cookie = {"Cookie": f"{PASSKEY_COOKIE}={site.http.cookies[PASSKEY_COOKIE]}"}
    body = {"credential": recorded}
    path = f"{PREFIX}/sign-in/passkey"
    site.http.cookies.clear()
    assert site.http.post(path, json={"credential": device.get(begin(site))}).status_code == 200
    site.http.cookies.clear()
    begin(site)
    assert site.http.post(path, json=body).status_code == 401  # another browser: and used up by that
    assert site.http.post(path, json=body, headers=cookie).status_code == 401
    late = device.get(begin(site))
    site.clock.seconds += CHALLENGE_MS / 1_000
    assert site.http.post(path, json={"credential": late}).status_code == 401
    again = device.get(begin(site))
    good = site.http.cookies[PASSKEY_COOKIE]
    assert site.http.post(path, json={"credential": again}).status_code == 200
    headers = {"Cookie": f"{PASSKEY_COOKIE}={good}"}
    assert site.http.post(path, json={"credential": again}, headers=headers).status_code == 401
    site.http.cookies.clear()
    made = device.create(options_of(ada))
    assert ada.must("POST", "/passkeys", {"name": "x", "credential": made})
    assert ada.ask("POST", "/passkeys", {"name": "x", "credential": made}).status_code == 401
    stepped = device.get(options_of(ada, "/step-up/passkey/options"))
    begin(site)
    assert site.http.post(path, json={"credential": stepped}).status_code == 401


def test_a_challenge_is_of_one_session(site: Site, device: SoftAuthenticator) -> None:
    """What was asked for by one person is not answered by another."""
    ada, eve = site.person(ADA), site.person("eve@example.com")
    body = {"name": "x", "credential": device.create(options_of(ada))}
    assert eve.ask("POST", "/passkeys", body).status_code == 401
    assert ada.ask("POST", "/passkeys", body).status_code == 401


def test_a_counter_that_does_not_grow_is_a_copy(site: Site, device: SoftAuthenticator) -> None:
    """Back or the same: refused; without a counter, as synchronised passkeys are, none is asked for."""
    add(site.person(ADA), device)
    for _ in range(2):
        assert sign_in(site, device.get(begin(site))).status_code == 200
    for count in (0, 1):
        device.keys[-1].count = count
        assert sign_in(site, device.get(begin(site))).status_code == 401
    device.keys[-1].count = 5
    assert sign_in(site, device.get(begin(site))).status_code == 200
    synchronised = SoftAuthenticator(CONSOLE_ORIGIN, counts=False)
    add(site.person("bob@example.com"), synchronised)
    for _ in range(2):
        assert sign_in(site, synchronised.get(begin(site))).status_code == 200


def test_a_foreign_key_is_nobody(site: Site, device: SoftAuthenticator) -> None:
    """One that was never kept, one that says that it is another person's, and a signature of another key."""
    ada, eve = site.person(ADA), site.person("eve@example.com")
    add(ada, device)
    stranger = SoftAuthenticator(CONSOLE_ORIGIN)
    stranger.create(options_of(eve))
    unknown = sign_in(site, stranger.get(begin(site)))
    key = device.keys[-1]
    key.user_handle = eve.user_id.encode()
    other = sign_in(site, device.get(begin(site)))
    key.user_handle = ada.user_id.encode()
    forged = stranger.get(begin(site))
    forged["id"] = forged["rawId"] = device.get(begin(site))["id"]
    wrong = sign_in(site, forged)
    assert {(answer.status_code, answer.text) for answer in (unknown, other)} == {(401, unknown.text)}
    assert wrong.status_code == 401
    assert sign_in(site, device.get(begin(site))).status_code == 200


def test_step_up_is_a_fresh_session_in_the_place_of_the_old(site: Site, device: SoftAuthenticator) -> None:
    """The old one ends with it; nobody steps up with another's passkey, nor without any."""
    ada, eve = site.person(ADA), site.person("eve@example.com")
    add(ada, device)
    site.clock.seconds += STEP_UP_MS / 1_000 + 1
    assert ada.ask("POST", "/passkeys/options").json()["code"] == "step_up_required"
    path = "/step-up/passkey"
    assert eve.ask("POST", f"{path}/options").status_code == 404
    others = SoftAuthenticator(CONSOLE_ORIGIN)
    del site.people["eve@example.com"]
    eve = site.person("eve@example.com")
    add(eve, others)
    asked = options_of(ada, f"{path}/options")
    assert [one["id"] for one in asked["allowCredentials"]] == [device.get(asked)["id"]]
    assert ada.ask("POST", path, {"credential": others.get(asked)}).status_code == 401
    answer = ada.ask("POST", path, {"credential": device.get(options_of(ada, f"{path}/options"))})
    assert answer.status_code == 200
    assert SESSION_COOKIE in answer.cookies
    site.http.cookies.clear()
    fresh = Person(site.http, ADA, answer.json()["token"])
    fresh.must("POST", "/passkeys/options")
    assert ada.ask("GET", "/session").status_code == 401


def test_passkeys_need_a_fresh_sign_in_and_have_a_number(
    site: Site, device: SoftAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds a browser open takes no account over with it."""
    assert PASSKEYS_MAX > 1
    monkeypatch.setattr(passkeys, "PASSKEYS_MAX", 1)
    ada = site.person(ADA)
    options = options_of(ada)
    made = add(ada, device)
    assert ada.ask("POST", "/passkeys/options").json()["code"] == "limit_reached"
    body = {"name": "second", "credential": device.create(options)}
    assert ada.ask("POST", "/passkeys", body).json()["code"] == "limit_reached"
    site.clock.seconds += STEP_UP_MS / 1_000 + 1
    for method, path, sent in (
        ("POST", "/passkeys/options", None),
        ("POST", "/passkeys", body),
        ("DELETE", f"/passkeys/{made['id']}", None),
    ):
        refused = ada.ask(method, path, sent)
        assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")


def test_no_challenge_is_stored(site: Site) -> None:
    """Only its hash; public keys are no secret."""
    options = options_of(site.person(ADA))
    rows = site.table._rows("SELECT pk || sk || body FROM documents", ())
    stored = "".join(str(row[0]) for row in rows)
    assert "CHALLENGE#passkey#" in stored
    raw = base64.urlsafe_b64decode(options["challenge"] + "==")
    for text in (options["challenge"], raw.hex()):
        assert text not in stored


def mutations(value: Any) -> list[Any]:
    """An answer with each of its parts in turn missing, of another kind, or damaged."""
    found: list[Any] = []
    wrong: tuple[object, ...] = (None, 1, [], {}, "", "!", "AAAA", "=" * 5, "é")
    for name in value:
        found.append({key: part for key, part in value.items() if key != name})
        found.extend({**value, name: other} for other in wrong)
        if isinstance(value[name], dict):
            found.extend({**value, name: inner} for inner in mutations(value[name]))
        elif isinstance(value[name], str) and len(value[name]) > 8:
            text = value[name]
            found.extend({**value, name: text[:cut]} for cut in (4, len(text) // 2, len(text) - 5))
            middle = len(text) // 2
            found.append({**value, name: text[: middle - 4] + "____" + text[middle:]})
    return found


def test_damaged_answers_are_refused_and_not_stumbled_over(
    site: Site, device: SoftAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is sent: it is the sender's mistake, and told as that."""
    for rate in ("OF_ADDRESS", "OF_PERSON"):
        monkeypatch.setattr(passkeys, rate, Rate(burst=10_000, seconds=1))
    ada = site.person(ADA)
    add(ada, device)
    session = site.platform.credentials.authenticate(ada.token)
    user = site.platform.credentials.user(session)
    mine = site.platform.passkeys
    key = device.keys[0]
    for number in range(len(mutations(device.create(options_of(ada))))):
        damaged = mutations(device.create(mine.registration(user, session)))[number]
        # A public key that is damaged is kept, and good for nothing.
        with contextlib.suppress(InvalidArgument, Unauthenticated):
            mine.remove(user, session, mine.register(user, session, "x", damaged).id)
    taken = 0
    for number in range(len(mutations(device.get(begin(site), key=key)))):
        options, browser = mine.begin_sign_in("")
        sound = device.get(options, key=key)
        damaged = mutations(sound)[number]
        with contextlib.suppress(InvalidArgument, Unauthenticated):
            assert mine.sign_in(damaged, browser, "").user == user
            same = ("id", "rawId", "type")
            assert [damaged[name] for name in same] == [sound[name] for name in same]
            proof = ("clientDataJSON", "authenticatorData", "signature")
            assert [damaged["response"][name] for name in proof] == [
                sound["response"][name] for name in proof
            ]
            taken += 1
    assert taken > 0, "those that differ only in what proves nothing"
