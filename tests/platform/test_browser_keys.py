"""Keys for pages in a browser: for minutes, by the role of who looks at the page, and never for keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.services.keys import BROWSER_KEY_SECONDS
from quartzdb.services.ports import BROWSER
from quartzdb_platform.accounts.browser_keys import LEFT_SECONDS_MIN, OF_PERSON
from quartzdb_platform.domain.errors import TooManyAttempts
from quartzdb_platform.domain.permissions import Permission, Role
from tests.behaviour.http.client import Client, refused
from tests.platform.conftest import Person, Site


@pytest.fixture
def owned(site: Site) -> tuple[Person, str, str]:
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": "engine"})["id"]
    return owner, organization, project


@pytest.fixture
def database(site: Site) -> Iterator[Client]:
    """The database over HTTP. It looks each key up each time."""
    with Client(create_app(site.database, ApiSettings(key_cache_seconds=0))) as http:
        yield http


def test_a_role_decides_what_a_page_may(site: Site, owned: tuple[Person, str, str], database: Client) -> None:
    """Viewers read, developers also write and manage namespaces, and nobody manages keys."""
    owner, organization, project = owned
    developer = site.join(owner, organization, "developer@example.com", Role.DEVELOPER)
    viewer = site.join(owner, organization, "viewer@example.com", Role.VIEWER)
    writes, reads = (
        who.must("POST", f"/projects/{project}/browser-keys")["key"] for who in (developer, viewer)
    )
    new = {"name": "books", "dimension": 2}
    refused(database.post("/v1/namespaces", new, key=reads), 403, "forbidden")
    assert database.post("/v1/namespaces", new, key=writes).status_code == 201
    vectors = {"vectors": [{"id": "a", "vector": [1, 2]}]}
    refused(database.post("/v1/namespaces/books/vectors", vectors, key=reads), 403, "forbidden")
    assert database.post("/v1/namespaces/books/vectors", vectors, key=writes).status_code == 200
    assert database.get("/v1/namespaces/books/vectors/a", key=reads).status_code == 200
    key = site.database.api_keys.create(project, "ours", ["admin"])[0]
    for method, path, body in (
        ("GET", "/v1/keys", None),
        ("POST", "/v1/keys", {"name": "more", "scopes": ["read"], "expires_in_seconds": 60}),
        ("POST", f"/v1/keys/{key.id}/rotate", {}),
        ("DELETE", f"/v1/keys/{key.id}", None),
    ):
        answer = database.request(method, path, key=writes, json=body)
        assert "manages no keys" in refused(answer, 403, "forbidden")["detail"], path


def test_it_ends_by_itself_and_then_is_gone(
    site: Site, owned: tuple[Person, str, str], database: Client
) -> None:
    """After 15 minutes at most; what is stored of it goes with the next one."""
    owner, _, project = owned
    made = owner.must("POST", f"/projects/{project}/browser-keys")
    assert made["scopes"] == ["admin", "read", "write"]
    key = site.database.api_keys.of_text(made["key"])
    assert key is not None
    assert key.expires_at_ms is not None
    left = key.expires_at_ms / 1_000 - site.clock.seconds
    assert LEFT_SECONDS_MIN <= left <= BROWSER_KEY_SECONDS
    site.clock.seconds += left - 1
    assert database.get("/v1/namespaces", key=made["key"]).status_code == 200
    site.clock.seconds += 1
    assert (
        "expired"
        in refused(database.get("/v1/namespaces", key=made["key"]), 401, "unauthenticated")["detail"]
    )
    site.clock.seconds += 120
    owner.must("POST", f"/projects/{project}/browser-keys")
    assert site.database.api_keys.of_text(made["key"]) is None


def test_no_list_has_it(site: Site, owned: tuple[Person, str, str], database: Client) -> None:
    """Nor does it count, nor is it rotated, nor is its use noted; the audit log says whose it is."""
    owner, organization, project = owned
    text = owner.must("POST", f"/projects/{project}/browser-keys")["key"]
    key = site.database.api_keys.of_text(text)
    assert key is not None
    assert key.of_browser
    assert owner.must("GET", f"/projects/{project}/keys") == []
    admin = site.database.api_keys.create(project, "ours", ["admin"])[1]
    assert [one["name"] for one in database.get("/v1/keys", key=admin).json()["keys"]] == ["ours"]
    assert owner.ask("POST", f"/projects/{project}/keys/{key.id}/rotate", {}).status_code == 404
    database.get("/v1/namespaces", key=text)
    site.database.key_uses.write()
    used = site.database.api_keys.of_text(text)
    assert used is not None
    assert used.last_used_at_ms is None
    event = owner.must("GET", f"/organizations/{organization}/audit")[0]
    assert (event["action"], event["target"]) == ("key.for_browser", f"{project}/{key.id}")
    assert event["actor"] == owner.user_id


def test_its_requests_are_counted_together(site: Site, owned: tuple[Person, str, str]) -> None:
    """Whoever they are of: usage by key names all of them by one name."""
    owner, organization, project = owned
    viewer = site.join(owner, organization, "viewer@example.com", Role.VIEWER)
    lines: list[bytes] = []
    application = create_app(site.database, take_line=lines.append)
    with Client(application) as http:
        for who in (owner, viewer):
            text = who.must("POST", f"/projects/{project}/browser-keys")["key"]
            assert http.get("/v1/namespaces", key=text).status_code == 200
    assert [f'"key":"{BROWSER}"'.encode() in line for line in lines] == [True, True]


def test_one_person_makes_so_many(site: Site, owned: tuple[Person, str, str]) -> None:
    """A burst, and then one every few seconds."""
    owner, organization, project = owned
    credential = site.platform.credentials.authenticate(owner.token)
    access, found = site.platform.organizations.access_to_project(
        credential, project, Permission.DATA_READ, "here"
    )
    user = site.platform.credentials.user(credential)

    def make(session: str) -> None:
        site.platform.browser_keys.create(access, user, found, session)

    for number in range(OF_PERSON.burst):
        make(f"session {number}")
    with pytest.raises(TooManyAttempts):
        make("another")
    make("session 0")
    site.clock.seconds += OF_PERSON.seconds
    make("yet another")
    events = [one["action"] for one in owner.must("GET", f"/organizations/{organization}/audit?limit=100")]
    assert events.count("key.for_browser") == OF_PERSON.burst + 1


def test_a_session_is_given_the_same_key_again_until_it_is_about_to_end(
    site: Site, owned: tuple[Person, str, str], database: Client
) -> None:
    """With one event, and nothing stored but its hash; another session, project, role or time has another. One that was
    revoked is not given again.
    """
    owner, organization, project = owned
    path = f"/projects/{project}/browser-keys"
    other = owner.must("POST", f"/organizations/{organization}/projects", {"name": "other"})["id"]
    first, again = (owner.must("POST", path) for _ in range(2))
    assert first == again
    assert owner.must("POST", f"/projects/{other}/browser-keys")["key"] != first["key"]
    rows = site.table._connection.execute("SELECT body FROM documents").fetchall()
    assert not any(first["key"][-49:] in body for (body,) in rows)
    assert not any(first["key"][-49:].encode() in file.read_bytes() for file in files(site))
    before = owner
    site.people.clear()
    owner = site.person("owner@example.com")
    second = owner.must("POST", path)["key"]
    assert second != first["key"]
    assert {database.get("/v1/namespaces", key=one).status_code for one in (first["key"], second)} == {200}
    site.clock.seconds += BROWSER_KEY_SECONDS - LEFT_SECONDS_MIN
    later = owner.must("POST", path)["key"]
    assert later not in {first["key"], second}
    key = site.database.api_keys.of_text(later)
    assert key is not None
    site.database.api_keys.revoke(project, key.id)
    fresh = owner.must("POST", path)["key"]
    assert fresh != later
    assert database.get("/v1/namespaces", key=fresh).status_code == 200
    events = before.must("GET", f"/organizations/{organization}/audit?action=key.for_browser&limit=100")
    assert len(events) == 5


def files(site: Site) -> list[Path]:
    """All that is kept on disk."""
    directory = site.mailbox.directory.parent
    return [one for one in directory.rglob("*") if one.is_file()]


def test_deleting_a_project_s_data_ends_it(site: Site, owned: tuple[Person, str, str]) -> None:
    """As every other key."""

    owner, _, project = owned
    text = owner.must("POST", f"/projects/{project}/browser-keys")["key"]
    assert site.database.tenant_deletion().run(project).keys_revoked == 1
    key = site.database.api_keys.of_text(text)
    assert key is not None
    assert key.revoked_at_ms is not None
