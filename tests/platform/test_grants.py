"""What the platform tells the database of each project, and when."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from quartzdb.cli.main import cli
from quartzdb.domain.errors import InvalidArgument, NotFound, Unavailable
from quartzdb.domain.grant import Block, TenantGrant, TenantStatus
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from quartzdb_platform.accounts import store
from quartzdb_platform.audit.log import Actor
from quartzdb_platform.domain.records import User
from quartzdb_platform.local_platform import open_platform
from quartzdb_platform.plans import pending
from quartzdb_platform.plans.blocks import Blocked, Where
from quartzdb_platform.plans.publisher import Published
from quartzdb_platform.ports import Put
from quartzdb_platform.settings import settings_of
from tests.platform.conftest import Site

BLOCK = Block("monthly_reads", 12, 10, "read units", 1_700_000_000_000, "https://example.com/plan")


def project(site: Site, organization: str, name: str = "one") -> str:
    owner = site.person("owner@example.com")
    return str(owner.must("POST", f"/organizations/{organization}/projects", {"name": name})["id"])


def granted(site: Site, project_id: str) -> TenantGrant:
    found = site.database.tenants.get(project_id)
    assert found is not None
    return found


@pytest.fixture
def organization(site: Site) -> str:
    return site.organization(site.person("owner@example.com"))


def change(site: Site, organization_id: str, **changes: object) -> None:
    """As a use case would: with the note that the grants are to be published."""
    organization, document = store.organization_of(site.table, organization_id)
    changed = replace(organization, **changes)  # type: ignore[arg-type]  # fields by name
    noted = pending.mark(site.table, organization_id)
    assert site.table.transact([store.put_organization(changed, document.revision), noted])


def test_a_new_project_has_its_grant(site: Site, organization: str) -> None:
    """What the plan allows, at once; publishing again says nothing new."""
    one = project(site, organization)
    plan = site.platform.plans.versions[0].of("free")
    assert granted(site, one) == TenantGrant(
        one,
        1,
        plan="free",
        limits=plan.limits,
        prices=site.platform.plans.versions[0].prices,
        raise_at=f"https://console.example.com/platform/organizations/{organization}/plan",
    )
    assert site.platform.grants.publish_all() == Published()
    assert site.platform.grants.publish_all(everything=True) == Published(1, 0, 0)
    assert granted(site, one).revision == 1


def test_so_has_one_that_begins_with_one_request(site: Site) -> None:
    """Organization and project of the first request."""
    body = {"organization": "Mine", "project": "first"}
    begun = site.person("owner@example.com").must("POST", "/start", body)
    assert granted(site, begun["project"]["id"]).plan == "free"


def test_what_was_cut_off_is_published_later(
    site: Site, organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project whose grant could not be stored is made all the same, and the pass repairs it."""

    def down(*_: object) -> bool:
        raise Unavailable("The table is away.")

    with monkeypatch.context() as broken:
        broken.setattr(type(site.database.tenants), "put", down)
        one = project(site, organization)
        assert site.platform.grants.publish_all() == Published(0, 0, 1)
    assert site.database.tenants.get(one) is None
    assert "grants" in site.platform.upkeep.run_due()
    assert granted(site, one).plan == "free"


def test_a_plan_is_of_all_projects(site: Site, organization: str) -> None:
    """And so are region and status of the organization."""
    projects = [project(site, organization, name) for name in ("one", "two")]
    change(site, organization, plan="pro", region="eu-central-1", status="read_only")
    assert site.platform.grants.publish_all() == Published(1, 2, 0)
    for one in projects:
        found = granted(site, one)
        assert (found.plan, found.region, found.status) == ("pro", "eu-central-1", TenantStatus.READ_ONLY)
        assert found.limits == site.platform.plans.versions[0].of("pro").limits


def test_blocks_are_of_the_organization_or_of_one_project(site: Site, organization: str) -> None:
    """A project's own comes first, and each is lifted by itself."""
    one, two = (project(site, organization, name) for name in ("one", "two"))
    mine = replace(BLOCK, limit="vectors")
    blocks = site.platform.blocks
    assert blocks.set(organization, Where(Blocked.READS), BLOCK)
    assert blocks.set(organization, Where(Blocked.WRITES, one), mine)
    assert not blocks.set(organization, Where(Blocked.WRITES, one), mine)
    site.platform.grants.publish(organization)
    assert (granted(site, one).reads_blocked, granted(site, one).writes_blocked) == (BLOCK, mine)
    assert (granted(site, two).reads_blocked, granted(site, two).writes_blocked) == (BLOCK, None)
    assert blocks.set(organization, Where(Blocked.READS), None)
    assert site.platform.grants.publish_all() == Published(1, 2, 0)
    assert granted(site, one).reads_blocked is None
    assert blocks.of(organization) == {Where(Blocked.WRITES, one): mine}


def test_an_operator_has_a_word_of_their_own(site: Site, organization: str) -> None:
    """Who suspends a tenant where the database is, is not overruled by the next pass, nor by the organization's status;
    nor does resuming it lift what the organization has.
    """
    one = project(site, organization)
    tenants, publish = site.database.tenants, site.platform.grants.publish

    def statuses() -> TenantStatus:
        publish(organization)
        publish(organization)
        return granted(site, one).status

    tenants.set_status(one, TenantStatus.READ_ONLY)
    assert statuses() is TenantStatus.READ_ONLY
    change(site, organization, status="suspended", plan="pro")
    assert statuses() is TenantStatus.SUSPENDED
    change(site, organization, status="active")
    assert statuses() is TenantStatus.READ_ONLY, "what the operator said still holds"
    assert granted(site, one).plan == "pro"
    tenants.set_status(one, TenantStatus.ACTIVE)
    assert statuses() is TenantStatus.ACTIVE
    change(site, organization, status="suspended")
    assert statuses() is TenantStatus.SUSPENDED
    tenants.set_status(one, TenantStatus.ACTIVE)
    assert statuses() is TenantStatus.SUSPENDED
    change(site, organization, status="active")
    assert statuses() is TenantStatus.ACTIVE


def test_a_word_of_ours_that_was_cut_off_is_not_an_operators(
    site: Site, organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between what is noted and the grant, and after the grant, before anything else."""
    one = project(site, organization)
    put = type(site.database.tenants).put

    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    def killed_after(*given: object) -> bool:
        put(*given)  # type: ignore[arg-type]  # whatever it is given
        raise KeyboardInterrupt

    for dying in (killed, killed_after):
        change(site, organization, status="suspended")
        with monkeypatch.context() as broken:
            broken.setattr(type(site.database.tenants), "put", dying)
            with pytest.raises(KeyboardInterrupt):
                site.platform.grants.publish(organization)
        site.platform.grants.publish_all()
        assert granted(site, one).status is TenantStatus.SUSPENDED
        change(site, organization, status="active")
        site.platform.grants.publish_all()
        assert granted(site, one).status is TenantStatus.ACTIVE


def test_a_change_meanwhile_stays_noted(
    site: Site, organization: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was changed while its grants were read is published by the next pass."""
    one = project(site, organization)
    of = type(site.platform.blocks).of

    def and_then_changed(*given: object) -> object:
        found = of(*given)  # type: ignore[arg-type]  # whatever it is given
        change(site, organization, plan="business")
        return found

    change(site, organization, plan="pro")
    with monkeypatch.context() as busy:
        busy.setattr(type(site.platform.blocks), "of", and_then_changed)
        site.platform.grants.publish(organization)
    assert granted(site, one).plan == "pro"
    site.platform.grants.publish_all()
    assert granted(site, one).plan == "business"


def test_an_organization_of_before_plans_is_free(site: Site, organization: str) -> None:
    """Its document says nothing of a plan."""
    old, document = store.organization_of(site.table, organization)
    body = {
        name: value
        for name, value in asdict(old).items()
        if name in {"id", "name", "created_at_ms", "owners"}
    }
    assert site.table.transact([Put(document.pk, document.sk, body, document.revision)])
    assert store.organization_of(site.table, organization)[0] == old
    assert granted(site, project(site, organization)).plan == "free"


def test_a_plan_is_changed_with_its_event(site: Site, organization: str) -> None:
    """In force at once; saying it again is no change, and what is no plan or organization is refused."""
    one = project(site, organization)
    operator = Actor("operator:test", "command line")
    assert site.platform.plan_changes.set(organization, "business", operator).plan == "business"
    assert granted(site, one).limits == site.platform.plans.versions[0].of("business").limits
    site.platform.plan_changes.set(organization, "business", operator)
    with pytest.raises(InvalidArgument, match="is no plan"):
        site.platform.plan_changes.set(organization, "gold", operator)
    with pytest.raises(NotFound):
        site.platform.plan_changes.set("org_none", "pro", operator)
    events = [(event.action, event.actor) for event in site.platform.audit.all(organization)]
    assert [event for event in events if event[0].startswith("plan.")] == [("plan.business", "operator:test")]
    assert site.platform.audit.broken_at(organization) is None


def test_plans_on_the_command_line(tmp_path: Path) -> None:
    """Beside whatever serves the directory."""
    database = open_embedded(EmbeddedSettings(tmp_path))
    platform = open_platform(database, tmp_path, settings_of({}, "http://127.0.0.1:8787"))
    platform_user = User("usr_1", "ada@example.com", 0)
    organization = platform.organizations.create(platform_user, "Mine", "here").id

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["platform", "plan", *arguments])

    done = run("set", organization, "pro", "--data-dir", str(tmp_path), "--json")
    assert json.loads(done.stdout) == {"organization": organization, "plan": "pro"}
    assert [event.action for event in platform.audit.all(organization)] == ["organization.create", "plan.pro"]
    refused = run("set", organization, "gold", "--data-dir", str(tmp_path))
    assert refused.exit_code != 0
    assert "Use one of: free, pro, business." in refused.stderr
    done = run("publish", "--data-dir", str(tmp_path), "--json")
    assert json.loads(done.stdout) == {"organizations": 1}
    assert platform.grants.publish_all() == Published(1, 0, 0)
    assert "There is no platform" in run("publish", "--data-dir", str(tmp_path / "none")).stderr
    assert "$499" in run("list").stdout
