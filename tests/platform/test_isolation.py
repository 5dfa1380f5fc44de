"""Every operation of the platform's OpenAPI document, asked by who has no seat in the organization that it is about.

What each needs is the table of tests/platform/test_access.py, which has what members of each role are answered; an
operation that is not in it fails here, too. A word that is in every name and address of one organization is looked for
in all that others are answered, and after all of it the organization is as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb_platform.api.app import PREFIX
from quartzdb_platform.domain.permissions import Role
from tests.behaviour.http.client import Client
from tests.behaviour.http.test_isolation import OPERATIONS
from tests.platform.conftest import Person, Site
from tests.platform.test_access import BODIES, NEEDS, OPEN, OPERATOR, OWN, routes

MARK = "zq7marker"


@pytest.fixture
def theirs(site: Site) -> tuple[Person, Mapping[str, str], str]:
    """An owner, everything that an organization has by its name in paths, and a key of its project."""
    owner = site.person(f"{MARK}-owner@example.com")
    organization = site.organization(owner, f"{MARK} works")
    of_it = f"/organizations/{organization}"
    project = owner.must("POST", f"{of_it}/projects", {"name": f"{MARK} engine"})["id"]
    key = owner.must(
        "POST", f"/projects/{project}/keys", {"name": f"{MARK} key", "scopes": ["read", "write", "admin"]}
    )
    token = owner.must("POST", f"{of_it}/tokens", {"name": f"{MARK} token", "role": "admin"})["id"]
    invited = {"email": f"{MARK}-invited@example.com", "role": "viewer"}
    invitation = owner.must("POST", f"{of_it}/invitations", invited)["id"]
    member = site.join(owner, organization, f"{MARK}-member@example.com", Role.VIEWER)
    names = {
        "organization_id": organization,
        "project_id": project,
        "key_id": key["id"],
        "token_id": token,
        "invitation_id": invitation,
        "user_id": member.user_id,
        "export_id": owner.must("POST", f"{of_it}/exports")["id"],
    }
    return owner, names, key["key"]


def _strangers(
    site: Site, owner: Person, names: Mapping[str, str], key: str
) -> Mapping[str, tuple[Person, int]]:
    """Who asks, and what they are answered about an organization where they have no seat."""
    other = site.person("other@example.com")
    elsewhere = site.organization(other, "Elsewhere")
    other.must("POST", f"/organizations/{elsewhere}/projects", {"name": "elsewhere"})
    left = site.join(owner, names["organization_id"], "left@example.com", Role.ADMIN)
    owner.must("DELETE", f"/organizations/{names['organization_id']}/members/{left.user_id}")
    gone = site.person("signed-out@example.com")
    gone.must("DELETE", "/session")
    token = other.must("POST", f"/organizations/{elsewhere}/tokens", {"name": "t", "role": "admin"})["token"]
    return {
        "nobody": (Person(site.http, "", ""), 401),
        "who has a key of the database": (Person(site.http, "", key), 401),
        "who has signed out": (gone, 401),
        "a person without an organization": (site.person("stranger@example.com"), 404),
        "the owner of another": (other, 404),
        "an admin who was removed": (left, 404),
        "a token of another": (Person(site.http, "", token), 404),
        **{
            f"a {role.value} of another": (
                site.join(other, elsewhere, f"{role.value}@example.com", role),
                404,
            )
            for role in Role
            if role is not Role.OWNER
        },
    }


def _state(owner: Person, names: Mapping[str, str]) -> Mapping[str, Any]:
    of_it = f"/organizations/{names['organization_id']}"
    return {
        path: owner.must("GET", path)
        for path in (
            of_it,
            *(
                f"{of_it}/{part}"
                for part in ("members", "invitations", "projects", "tokens", "audit", "exports")
            ),
            f"/projects/{names['project_id']}",
            f"/projects/{names['project_id']}/keys",
        )
    }


def test_every_operation_is_in_the_table(site: Site) -> None:
    """And what it has is an operation."""
    assert set(routes(site)) == OPEN | OWN | OPERATOR | set(NEEDS)


def test_who_has_no_seat_is_told_nothing_and_changes_nothing(
    site: Site,
    theirs: tuple[Person, Mapping[str, str], str],
) -> None:
    """Without credentials they are asked for some; with others' there is no such organization."""
    owner, names, key = theirs
    strangers = _strangers(site, owner, names, key)
    unknown = {name: value[:-4] + "0000" for name, value in names.items()}
    before = _state(owner, names)
    for who, (person, status) in strangers.items():
        for route in NEEDS:
            method, _, path = route.partition(" ")
            answer = person.ask(method, path.format_map({**unknown, **names}), BODIES.get(route))
            assert answer.status_code == status, f"{who}: {route}: {answer.text[:200]}"
            assert MARK not in answer.text, f"{who}: {route}: {answer.text[:200]}"
            if status == 404:
                absent = person.ask(method, path.format_map(unknown), BODIES.get(route))
                assert absent.json()["code"] == answer.json()["code"], (
                    f"{who}: {route} tells whether it is there"
                )
    for person, _ in strangers.values():
        for route in ("GET /organizations", "GET /sessions", "GET /session"):
            method, _, path = route.partition(" ")
            assert MARK not in person.ask(method, path).text
    assert _state(owner, names) == before


def test_credentials_of_people_open_nothing_of_the_database(
    site: Site,
    theirs: tuple[Person, Mapping[str, str], str],
) -> None:
    """Not even their own project's: data is reached by its keys. A session is no key, nor is a management token."""
    owner, names, _ = theirs
    made = owner.must(
        "POST", f"/organizations/{names['organization_id']}/tokens", {"name": "t", "role": "admin"}
    )
    with Client(create_app(site.database, ApiSettings(failures_burst=10_000))) as database:
        for text in (owner.token, made["token"]):
            for one in OPERATIONS:
                answer = database.request(one.method, one.target, key=text)
                assert answer.status_code == 401, f"{one.name}: {answer.text[:200]}"


def test_the_document_says_where_it_is(site: Site) -> None:
    """Anybody may read it, as it has nothing of anybody's."""
    assert site.http.get("/platform/openapi.json").status_code == 200
    assert all(path.startswith(PREFIX) for path in site.http.app.openapi()["paths"])  # type: ignore[attr-defined]
