"""Beginning: organization, project, key and namespace in one request, which may be sent again."""

from __future__ import annotations

from typing import Any

import pytest

from quartzdb.domain.errors import Unauthenticated, Unavailable
from quartzdb_platform.accounts.onboarding import AGAIN_MS
from quartzdb_platform.accounts.quickstart import quickstart
from quartzdb_platform.domain.permissions import Role
from tests.platform.conftest import DATABASE_URL, Site
from tests.platform.test_members import at_once

HELLO = {"namespace": {"name": "hello", "dimension": 3}}


def good_keys(site: Site, project: str) -> list[str]:
    return [key.id for key in site.database.api_keys.list(project) if key.revoked_at_ms is None]


def test_one_request_makes_what_a_first_search_needs(site: Site) -> None:
    """The key is good, the namespace is there, and the audit log has all of it."""
    ada = site.person("ada@example.com")
    made = ada.must("POST", "/start", {"organization": "Analytical", "project": "engine", **HELLO})
    assert made["organization"]["name"] == "Analytical"
    assert made["organization"]["role"] == "owner"
    assert (made["project"]["name"], made["url"], made["namespace"]) == ("engine", DATABASE_URL, "hello")
    principal = site.database.api_keys.authenticate(made["key"]["key"])
    assert principal.tenant == made["project"]["id"]
    assert sorted(principal.scopes) == ["admin", "read", "write"]
    assert site.database.namespaces.get(principal.tenant, "hello").settings.dimension == 3
    path = f"/organizations/{made['organization']['id']}"
    events = [event["action"] for event in ada.must("GET", f"{path}/audit")]
    assert events == ["key.create", "project.create", "organization.create"]
    assert ada.must("GET", f"{path}/audit/verify")["whole"]


def test_asked_again_it_is_the_same_with_another_key(site: Site) -> None:
    """The key of the answer that was lost is no longer good, so that none is about of which nobody knows."""
    ada = site.person("ada@example.com")
    first = ada.ask("POST", "/start", HELLO)
    again = ada.ask("POST", "/start", HELLO)
    assert (first.status_code, again.status_code) == (201, 200)
    for part in ("organization", "project", "namespace"):
        assert first.json()[part] == again.json()[part]
    assert good_keys(site, first.json()["project"]["id"]) == [again.json()["key"]["id"]]
    with pytest.raises(Unauthenticated):
        site.database.api_keys.authenticate(first.json()["key"]["key"])
    assert len(ada.must("GET", "/organizations")) == 1


def test_asked_twice_at_once_there_is_one(site: Site) -> None:
    """One organization, one project, one key that is good."""
    ada = site.person("ada@example.com")
    ask = (ada, "POST", "/start", HELLO)
    assert at_once(ask, ask) == [200, 201]
    (organization,) = ada.must("GET", "/organizations")
    (project,) = ada.must("GET", f"/organizations/{organization['id']}/projects")
    assert len(good_keys(site, project["id"])) == 1


def test_what_failed_midway_is_finished_by_asking_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database could not be reached after the organization was made."""
    ada = site.person("ada@example.com")
    create = type(site.database.namespaces).create
    failed = iter([True, False])

    def sometimes(self: Any, *given: Any) -> Any:
        if next(failed):
            raise Unavailable("The catalog cannot be reached.")
        return create(self, *given)

    monkeypatch.setattr(type(site.database.namespaces), "create", sometimes)
    assert ada.ask("POST", "/start", HELLO).status_code == 503
    made = ada.must("POST", "/start", HELLO)
    assert len(ada.must("GET", "/organizations")) == 1
    assert good_keys(site, made["project"]["id"]) == [made["key"]["id"]]


def test_later_it_is_refused_and_says_what_to_do(site: Site) -> None:
    """A key that is in use is not taken away; who has no seat there any more begins anew."""
    ada = site.person("ada@example.com")
    made = ada.must("POST", "/start", {})
    assert made["namespace"] is None
    site.clock.seconds += AGAIN_MS / 1_000 + 1
    refused = ada.ask("POST", "/start", {})
    assert refused.status_code == 409
    assert made["project"]["id"] in refused.json()["hint"]
    assert good_keys(site, made["project"]["id"]) == [made["key"]["id"]]
    bob = site.join(ada, made["organization"]["id"], "bob@example.com", Role.OWNER)
    bob.must("DELETE", f"/organizations/{made['organization']['id']}/members/{ada.user_id}")
    assert ada.must("POST", "/start", {})["organization"]["id"] != made["organization"]["id"]


@pytest.mark.parametrize(
    "body",
    [
        {"namespace": {"name": "no/name", "dimension": 3}},
        {"namespace": {"name": "hello", "dimension": 0}},
        {"namespace": {"name": "hello", "metric": "taxicab"}},
        {"organization": " "},
        {"project": "\n"},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_made_makes_nothing(site: Site, body: dict[str, Any]) -> None:
    """Nor half of it."""
    ada = site.person("ada@example.com")
    assert ada.ask("POST", "/start", body).status_code == 400
    assert ada.must("GET", "/organizations") == []


def test_the_quickstart_makes_a_namespace_only_where_there_is_none(site: Site) -> None:
    """And stores a value, not a vector, where there are no dimensions."""
    assert '"name": "hello", "dimension": 3' in quickstart("https://db", "KEY", None)
    made = site.person("ada@example.com").must("POST", "/start", {"namespace": {"name": "values"}})
    assert "/v1/namespaces/values/kv/greeting" in made["quickstart"]
    assert "/vectors" not in made["quickstart"]


def test_the_first_namespace_is_within_the_plan(site: Site) -> None:
    """As every later one is: refused with what is allowed, and begun all the same, without one."""
    body = {"namespace": {"name": "large", "dimension": 4096}}
    refused = site.person("ada@example.com").ask("POST", "/start", body)
    assert (refused.status_code, refused.json()["limit"], refused.json()["allowed"]) == (
        402,
        "dimension",
        2_048,
    )
    smaller = {"namespace": {"name": "large", "dimension": 2048}}
    assert site.person("ada@example.com").ask("POST", "/start", smaller).status_code == 200
