"""Where an organization's data stays: chosen when it is made, told to the database, and kept while there is data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from quartzdb.api.app import create_app as create_database_app
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.errors import InvalidArgument
from quartzdb_platform.accounts.onboarding import Onboarding
from quartzdb_platform.accounts.organizations import Organizations
from quartzdb_platform.accounts.residences import Residences
from quartzdb_platform.api.app import create_app
from quartzdb_platform.domain.regions import Regions
from quartzdb_platform.settings import settings_of
from tests.platform.conftest import CONSOLE_ORIGIN, DATABASE_URL, Person, Site


@pytest.fixture
def owner(site: Site) -> Person:
    """Of a deployment with two regions."""
    platform, regions = site.platform, Regions(("eu", "us"))
    organizations = Organizations(site.table, platform.audit, site.clock, regions=regions)
    namespaces = site.database.namespaces
    regional = replace(
        platform,
        organizations=organizations,
        onboarding=Onboarding(
            site.table,
            platform.audit,
            organizations,
            platform.projects,
            platform.referrals,
            namespaces,
            site.clock,
            DATABASE_URL,
        ),
        residences=Residences(site.table, platform.audit, platform.grants, namespaces, regions),
    )
    person = site.person("owner@example.com")
    return replace(person, http=TestClient(create_app(regional), base_url=CONSOLE_ORIGIN))


def test_a_region_is_chosen_and_in_the_grant(site: Site, owner: Person) -> None:
    """Without a choice it is the deployment's own; one that there is not is refused."""
    for asked, region in (({}, "eu"), ({"region": "us"}, "us")):
        made = owner.must("POST", "/organizations", {"name": "O", **asked})
        assert made["region"] == region
        project = owner.must("POST", f"/organizations/{made['id']}/projects", {"name": "p"})["id"]
        assert site.database.tenants.grant(project).region == region
    refused = owner.ask("POST", "/organizations", {"name": "O", "region": "mars"})
    assert (refused.status_code, refused.json()["field"]) == (400, "region")
    assert "eu, us" in refused.json()["hint"]
    started = owner.must("POST", "/start", {"region": "us"})
    assert started["organization"]["region"] == "us"
    assert site.database.tenants.grant(started["project"]["id"]).region == "us"


def test_an_organization_moves_while_it_has_no_data(site: Site, owner: Person) -> None:
    """A project is none; a namespace is, until it is gone from the files."""
    organization = owner.must("POST", "/organizations", {"name": "O"})["id"]
    path = f"/organizations/{organization}"
    project = owner.must("POST", f"{path}/projects", {"name": "p"})["id"]
    assert owner.must("PATCH", path, {"region": "us"})["region"] == "us"
    assert site.database.tenants.grant(project).region == "us"
    body = {"name": "k", "scopes": ["read", "write", "admin"]}
    key = owner.must("POST", f"/projects/{project}/keys", body)["key"]
    headers = {"Authorization": f"Bearer {key}"}
    new = {"name": "books", "dimension": 2}
    with TestClient(create_database_app(site.database, ApiSettings(region="eu")), headers=headers) as http:
        refused = http.post("/v1/namespaces", json=new)
        assert (refused.status_code, refused.json()["code"]) == (403, "wrong_region")
    with TestClient(create_database_app(site.database, ApiSettings(region="us")), headers=headers) as http:
        assert http.post("/v1/namespaces", json=new).status_code == 201
        refused = owner.ask("PATCH", path, {"region": "eu"})
        assert (refused.status_code, refused.json()["field"]) == (409, "region")
        assert http.delete("/v1/namespaces/books").status_code == 200
    assert owner.ask("PATCH", path, {"region": "eu"}).status_code == 409
    site.clock.seconds += 120
    while site.database.maintenance.run_once():
        pass
    site.clock.seconds += 120
    while site.database.maintenance.run_once():
        pass
    assert owner.must("PATCH", path, {"region": "eu"})["region"] == "eu"
    for wrong in ({}, {"name": "N", "region": "us"}, {"region": "mars"}):
        assert owner.ask("PATCH", path, wrong).status_code == 400
    moves = [one["target"] for one in owner.must("GET", f"{path}/audit?action=organization.move")]
    assert moves == ["eu", "us"]


def test_data_that_comes_while_an_organization_moves_takes_the_move_back(
    site: Site, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for once more when the database has been told."""
    organization = owner.must("POST", "/organizations", {"name": "O"})["id"]
    project = owner.must("POST", f"/organizations/{organization}/projects", {"name": "p"})["id"]
    answers = iter([False, True])
    monkeypatch.setattr(site.database.namespaces, "has_any", lambda _: next(answers))
    assert owner.ask("PATCH", f"/organizations/{organization}", {"region": "us"}).status_code == 409
    assert owner.must("GET", f"/organizations/{organization}")["region"] == "eu"
    assert site.database.tenants.grant(project).region == "eu"


def test_without_regions_there_is_nothing_to_choose(site: Site) -> None:
    """And nothing is kept to one."""
    person = site.person("owner@example.com")
    assert person.must("POST", "/organizations", {"name": "O"})["region"] is None
    assert person.ask("POST", "/organizations", {"name": "O", "region": "eu"}).status_code == 400


def test_regions_are_a_setting() -> None:
    """Of names that can be told apart."""
    settings = settings_of({"regions": ["eu", "us"]}, "http://localhost:1")
    assert (settings.regions.own, settings.regions.names) == ("eu", ("eu", "us"))
    assert settings_of({}, "http://localhost:1").regions.own is None
    for wrong in (["eu", "eu"], ["EU"], [""], "eu", []):
        with pytest.raises(InvalidArgument):
            settings_of({"regions": wrong}, "http://localhost:1")
