"""Rotating a project's keys, over the API and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from quartzdb.cli.main import cli
from quartzdb.domain.errors import Conflict, Unauthenticated
from quartzdb_platform.accounts.projects import KEYS_MAX
from tests.http_server import serving
from tests.platform.conftest import Person, Site


@pytest.fixture
def owned(site: Site) -> tuple[Person, str, str]:
    owner = site.person("owner@example.com")
    organization = site.organization(owner)
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": "engine"})["id"]
    return owner, organization, project


def test_a_rotation_is_a_key_an_end_and_an_event(site: Site, owned: tuple[Person, str, str]) -> None:
    """With the rights of the one before."""
    owner, organization, project = owned
    body = {"name": "web", "scopes": ["read"], "namespaces": ["a"]}
    old = owner.must("POST", f"/projects/{project}/keys", body)
    made = owner.must("POST", f"/projects/{project}/keys/{old['id']}/rotate", {"overlap_seconds": 3_600})
    assert (made["name"], made["scopes"], made["namespaces"]) == ("web", ["read"], ["a"])
    assert made["replaces"]["id"] == old["id"]
    stored = {key.id: key for key in site.database.api_keys.list(project)}
    wall_ms = site.database.clock.unix_ms()
    assert stored[old["id"]].expires_at_ms == wall_ms + 3_600_000
    assert stored[made["id"]].expires_at_ms is None
    event = owner.must("GET", f"/organizations/{organization}/audit")[0]
    assert (event["action"], event["target"]) == ("key.rotate", f"{project}/{old['id']}/{made['id']}")
    assert site.database.api_keys.authenticate(made["key"]).namespaces == frozenset({"a"})


def test_a_key_of_which_nobody_could_be_told_is_revoked(
    site: Site, owned: tuple[Person, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the old one goes on as before."""
    owner, _, project = owned
    old = owner.must("POST", f"/projects/{project}/keys", {"name": "web", "scopes": ["read"]})
    monkeypatch.setattr(site.table, "transact", lambda _: False)
    refused = owner.ask("POST", f"/projects/{project}/keys/{old['id']}/rotate", {})
    assert (refused.status_code, refused.json()["code"]) == (409, Conflict.code)
    before, after = sorted(site.database.api_keys.list(project), key=lambda key: key.id != old["id"])
    assert (before.expires_at_ms, before.revoked_at_ms) == (None, None)
    assert after.revoked_at_ms is not None


def test_ended_keys_take_no_room(site: Site, owned: tuple[Person, str, str]) -> None:
    """Else rotation would come to its end by itself."""
    owner, _, project = owned
    path = f"/projects/{project}/keys"
    key = owner.must("POST", path, {"name": "web", "scopes": ["read"]})
    for _ in range(KEYS_MAX - 1):
        site.database.api_keys.create(project, "more", ["read"])
    assert owner.ask("POST", f"{path}/{key['id']}/rotate", {}).json()["code"] == "limit_reached"
    more = next(one for one in site.database.api_keys.list(project) if one.name == "more")
    site.database.api_keys.revoke(project, more.id)
    owner.must("POST", f"{path}/{key['id']}/rotate", {"overlap_seconds": 0})
    site.clock.seconds += 1
    assert owner.ask("POST", path, {"name": "web", "scopes": ["read"]}).status_code == 201


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    with serving(site.http.app) as url:
        yield url


def test_keys_on_the_command_line(
    site: Site, owned: tuple[Person, str, str], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a management token from the environment, against the address of a platform."""
    owner, organization, project = owned
    token = owner.must("POST", f"/organizations/{organization}/tokens", {"name": "ci", "role": "developer"})
    monkeypatch.setenv("QUARTZDB_PLATFORM_URL", address)
    monkeypatch.setenv("QUARTZDB_PLATFORM_TOKEN", token["token"])

    def run(*arguments: str, status: int = 0) -> str:
        done = CliRunner().invoke(cli, ["platform", "keys", *arguments, "--project", project, "--json"])
        assert done.exit_code == status, done.output
        return done.stdout or done.stderr

    made = json.loads(run("create", "--name", "ci", "--scopes", "read,write", "--expires-in", "30d"))
    next_one = json.loads(run("rotate", made["id"], "--overlap", "0s"))
    assert next_one["replaces"]["id"] == made["id"]
    assert json.loads(run("revoke", next_one["id"])) == {"id": next_one["id"], "status": "revoked"}
    with pytest.raises(Unauthenticated):
        site.database.api_keys.authenticate(next_one["key"])
    listed = json.loads(run("list"))["keys"]
    assert {one["id"] for one in listed} == {made["id"], next_one["id"]}
    assert "no API key" in run("revoke", "000000000000", status=3)
    monkeypatch.setenv("QUARTZDB_PLATFORM_TOKEN", "qdb_mgmt_" + "0" * 64)
    assert "has ended" in run("list", status=1)
    monkeypatch.setenv("QUARTZDB_PLATFORM_URL", "http://example.com")
    assert "https" in run("list", status=1)
