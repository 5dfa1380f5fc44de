"""Referrals: both sides are credited, once, and nobody for themselves."""

from __future__ import annotations

from typing import Any

import pytest

from quartzdb_platform.accounts import referrals
from quartzdb_platform.domain.credit import REFERRAL_MICRO_DOLLARS
from tests.platform.conftest import Person, Site
from tests.platform.test_members import at_once


@pytest.fixture
def referrer(site: Site) -> tuple[Person, str, str]:
    ada = site.person("ada@example.com")
    organization = ada.must("POST", "/start", {})["organization"]["id"]
    path = f"/organizations/{organization}/referral"
    code = ada.must("POST", path)["code"]
    assert ada.must("POST", path) == {"code": code, "micro_dollars": REFERRAL_MICRO_DOLLARS, "credited": 0}
    return ada, organization, code


def credits_of(person: Person, organization: str) -> list[Any]:
    found: list[Any] = person.must("GET", f"/organizations/{organization}/credits")
    return found


def actions(person: Person, organization: str) -> list[str]:
    events = person.must("GET", f"/organizations/{organization}/audit")
    assert person.must("GET", f"/organizations/{organization}/audit/verify")["whole"]
    return [event["action"] for event in events if event["action"].startswith("credit.")]


def test_both_sides_are_credited_once(site: Site, referrer: tuple[Person, str, str]) -> None:
    """However often it is sent; the referrer learns that somebody came, and not who."""
    ada, mine, code = referrer
    bob = site.person("bob@example.com")
    for _ in range(2):
        theirs = bob.must("POST", "/start", {"referral": code})["organization"]["id"]
    for person, organization in ((ada, mine), (bob, theirs)):
        (credit,) = credits_of(person, organization)
        assert (credit["micro_dollars"], credit["why"]) == (REFERRAL_MICRO_DOLLARS, "referral")
        assert actions(person, organization) == ["credit.referral"]
    told = str(ada.must("GET", f"/organizations/{mine}/audit"))
    assert bob.user_id not in told
    assert ada.must("POST", f"/organizations/{mine}/referral")["credited"] == 1


def test_at_once_it_is_once(site: Site, referrer: tuple[Person, str, str]) -> None:
    """Two requests of one person, and two people with one code."""
    ada, mine, code = referrer
    bob, eve = site.person("bob@example.com"), site.person("eve@example.com")
    body = {"referral": code}
    asks = [(bob, "POST", "/start", body), (bob, "POST", "/start", body), (eve, "POST", "/start", body)]
    assert at_once(*asks) == [200, 201, 201]
    assert len(credits_of(ada, mine)) == 2


def test_nobody_refers_themselves(site: Site, referrer: tuple[Person, str, str]) -> None:
    """Nor somebody of their own organization; a code that is none is told, and nothing is made."""
    ada, mine, code = referrer
    bob = site.person("bob@example.com")
    assert bob.ask("POST", "/start", {"referral": "0000000000"}).json()["field"] == "referral"
    ada.must("POST", f"/organizations/{mine}/invitations", {"email": bob.email, "role": "viewer"})
    bob.must("POST", "/invitations/accept", {"invitation": site.mailbox.secret(bob.email, "invitation")})
    refused = bob.ask("POST", "/start", {"referral": code})
    assert (refused.status_code, refused.json()["field"]) == (400, "referral")
    assert len(bob.must("GET", "/organizations")) == 1
    assert credits_of(ada, mine) == []


def test_coming_back_is_no_second_time(
    site: Site, referrer: tuple[Person, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is there an end to people, so that there is one to credits."""
    ada, mine, code = referrer
    bob, eve = site.person("bob@example.com"), site.person("eve@example.com")
    first = bob.must("POST", "/start", {"referral": code})["organization"]["id"]
    path = f"/organizations/{first}"
    bob.must("POST", f"{path}/invitations", {"email": eve.email, "role": "owner"})
    eve.must("POST", "/invitations/accept", {"invitation": site.mailbox.secret(eve.email, "invitation")})
    eve.must("DELETE", f"{path}/members/{bob.user_id}")
    second = bob.must("POST", "/start", {"referral": code})["organization"]["id"]
    assert second != first
    assert credits_of(bob, second) == []
    monkeypatch.setattr(referrals, "REFERRALS_CREDITED_MAX", 1)
    third = eve.must("POST", "/start", {"referral": code})["organization"]["id"]
    assert (credits_of(eve, third), len(credits_of(ada, mine))) == ([], 1)
