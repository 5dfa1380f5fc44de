"""How much of anything there may be, and how often: each says so, and when to try again."""

from __future__ import annotations

import pytest

from quartzdb_platform.accounts import members, organizations, projects
from quartzdb_platform.audit.log import Actor
from tests.platform.conftest import Site

OPERATOR = Actor("operator:test", "command line")


def test_projects_and_keys_have_a_number(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was revoked does not count."""
    monkeypatch.setattr(projects, "KEYS_MAX", 1)
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    path = f"/organizations/{organization}/projects"
    project, *_ = [owner.must("POST", path, {"name": name})["id"] for name in ("one", "two", "three")]
    refused = owner.ask("POST", path, {"name": "four"})
    assert (refused.status_code, refused.json()["code"]) == (402, "limit_reached")
    names = ("limit", "used", "allowed", "unit", "raise_at")
    assert [refused.json()[name] for name in names] == [
        "projects", 3, 3, "projects", f"https://console.example.com/platform/organizations/{organization}/plan"
    ]  # fmt: skip
    site.platform.plan_changes.set(organization, "pro", OPERATOR)
    owner.must("POST", path, {"name": "four"})
    keys, body = f"/projects/{project}/keys", {"name": "k", "scopes": ["read"]}
    key = owner.must("POST", keys, body)["id"]
    assert owner.ask("POST", keys, body).json()["code"] == "limit_reached"
    owner.must("DELETE", f"{keys}/{key}")
    owner.must("POST", keys, body)


def test_invitations_have_a_number_and_a_rate(site: Site) -> None:
    """Nobody mails half the world."""
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    path = f"/organizations/{organization}/invitations"
    site.platform.plan_changes.set(organization, "business", OPERATOR)
    for number in range(members.OF_ORGANIZATION.burst):
        owner.must("POST", path, {"email": f"g{number}@example.com", "role": "viewer"})
    refused = owner.ask("POST", path, {"email": "late@example.com", "role": "viewer"})
    assert refused.status_code == 429
    site.clock.seconds += int(refused.headers["Retry-After"])
    owner.must("POST", path, {"email": "late@example.com", "role": "viewer"})
    site.platform.plan_changes.set(organization, "free", OPERATOR)
    refused = owner.ask("POST", path, {"email": "x@example.com", "role": "viewer"})
    assert (refused.status_code, refused.json()["limit"], refused.json()["allowed"]) == (402, "seats", 10)
    assert len(owner.must("GET", path)) == 21, "what there is more of than a smaller plan allows stays"


def test_organizations_have_a_rate(site: Site) -> None:
    """Of each person by themselves."""
    owner = site.person("owner@example.com")
    for _ in range(organizations.OF_PERSON.burst):
        site.organization(owner)
    assert owner.ask("POST", "/organizations", {"name": "more"}).status_code == 429
    site.organization(site.person("other@example.com"))
