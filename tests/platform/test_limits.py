"""How much of anything there may be, and how often: each says so, and when to try again."""

from __future__ import annotations

import pytest

from quartzdb_platform.accounts import members, organizations, projects
from tests.platform.conftest import Site


def test_projects_and_keys_have_a_number(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was revoked does not count."""
    monkeypatch.setattr(projects, "PROJECTS_MAX", 1)
    monkeypatch.setattr(projects, "KEYS_MAX", 1)
    owner = site.person("owner@example.com")
    path = f"/organizations/{site.organization(owner)}/projects"
    project = owner.must("POST", path, {"name": "one"})["id"]
    refused = owner.ask("POST", path, {"name": "two"})
    assert (refused.status_code, refused.json()["code"]) == (409, "limit_reached")
    keys, body = f"/projects/{project}/keys", {"name": "k", "scopes": ["read"]}
    key = owner.must("POST", keys, body)["id"]
    assert owner.ask("POST", keys, body).json()["code"] == "limit_reached"
    owner.must("DELETE", f"{keys}/{key}")
    owner.must("POST", keys, body)


def test_invitations_have_a_number_and_a_rate(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody mails half the world."""
    owner = site.person("owner@example.com")
    path = f"/organizations/{site.organization(owner)}/invitations"
    for number in range(members.OF_ORGANIZATION.burst):
        owner.must("POST", path, {"email": f"g{number}@example.com", "role": "viewer"})
    refused = owner.ask("POST", path, {"email": "late@example.com", "role": "viewer"})
    assert refused.status_code == 429
    site.clock.seconds += int(refused.headers["Retry-After"])
    owner.must("POST", path, {"email": "late@example.com", "role": "viewer"})
    monkeypatch.setattr(members, "SEATS_MAX", 2)
    assert (
        owner.ask("POST", path, {"email": "x@example.com", "role": "viewer"}).json()["code"]
        == "limit_reached"
    )


def test_organizations_have_a_rate(site: Site) -> None:
    """Of each person by themselves."""
    owner = site.person("owner@example.com")
    for _ in range(organizations.OF_PERSON.burst):
        site.organization(owner)
    assert owner.ask("POST", "/organizations", {"name": "more"}).status_code == 429
    site.organization(site.person("other@example.com"))
