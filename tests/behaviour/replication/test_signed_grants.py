"""Grants come signed or not at all, and the later one holds: here, on AWS, at the Worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quartzdb.adapters.ed25519 import public_key_text, signing, verifying
from quartzdb.adapters.http.http_replica import HttpReplica
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.api.app import create_app
from quartzdb.domain.errors import Conflict, NamespaceNotFound, NotFound
from quartzdb.domain.grant import Block, GrantLimits, Prices, TenantGrant, TenantStatus
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.replication.grant_push import EVERY_SECONDS, PUSH_AGAIN_SECONDS, UNABLE_SECONDS, GrantPush
from quartzdb.replication.peer_settings import PeerSettings, SharedData
from quartzdb.replication.statements import AHEAD_MS_MAX, GOOD_FOR_MS, Sealing
from quartzdb.replication.wire.grant_document import grant_document, parse_grants
from quartzdb.services.condemned_tenants import CondemnedTenants
from quartzdb.services.keys import ApiKeys
from quartzdb.services.tenants import GONE_KEPT_MS
from tests.aws_emulators import Emulators
from tests.behaviour.replication.receivers import (
    GRANTS,
    KEYS,
    NEXT,
    RECEIVERS,
    SIGNING,
    STOLEN,
    Receiver,
    embedded,
    sealed,
    worker,
)
from tests.http_server import serving
from tests.manual_clock import ManualClock
from tests.replica_sites import SECRET as OF_SITES
from tests.replica_sites import LocalSite, memory_site
from tests.worker_site import key_document, new_key

# A function that is asked several times has no metrics to tell but the first time.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")
FULL = TenantGrant(
    "acme",
    5,
    TenantStatus.READ_ONLY,
    "pro",
    GrantLimits(100, 200, 50, None, 10, 1_536, 1_000, 2**53, 2**62),
    Block("monthly_reads", 12, 10, "read units", 1_700_000_000_000, "https://console.example.com/plan"),
    Block("cap", 5, 5, "micro-dollars", None, "ö – 価格"),
    "us-east-1",
    Prices("2026-11", 12_000_000, 8_000_000, 600_000),
    "https://console.example.com/plan",
)


@pytest.fixture(params=RECEIVERS)
def receiver(request: pytest.FixtureRequest, tmp_path: Path, aws: Emulators) -> Iterator[Receiver]:
    with ExitStack() as closing:
        yield replace(request.param(tmp_path, aws, closing), path=GRANTS)


def said(grant: TenantGrant, **how: Any) -> dict[str, Any]:
    return sealed(grant_document(grant), **{"kind": "grants", **how})


def suspended(revision: int, status: TenantStatus = TenantStatus.SUSPENDED) -> TenantGrant:
    return TenantGrant("acme", revision, status)


def test_the_later_grant_holds_whatever_comes_when(receiver: Receiver) -> None:
    """An old one that comes after a new one changes nothing, nor does the same once more, by whoever replays it."""
    old, new = said(suspended(3, TenantStatus.ACTIVE)), said(suspended(4))
    assert receiver.put(old) == (200, {"applied": 1})
    assert receiver.put(new) == (200, {"applied": 1})
    assert receiver.put(old) == (200, {"applied": 0})
    assert receiver.put(new) == (200, {"applied": 0})
    assert receiver.put(said(suspended(4, TenantStatus.ACTIVE))) == (200, {"applied": 0})
    assert receiver.put(said(FULL, secret=NEXT)) == (200, {"applied": 1})
    assert receiver.put(sealed(kind="grants")) == (200, {"applied": 0})


def test_the_secret_of_the_two_sites_neither_widens_nor_lifts(receiver: Receiver) -> None:
    """What is not signed, or not by the other site, for this one, of this kind, and lately."""
    key, text = new_key("acme")
    assert receiver.ask("PUT", KEYS, OF_BOTH, sealed(key_document(key)))[0] == 200
    assert receiver.put(said(suspended(4)))[0] == 200
    lifted = suspended(9, TenantStatus.ACTIVE)
    good = said(lifted)
    receiver.refused({}, "signed")
    receiver.refused({"signature": good["signature"]}, "signed")
    receiver.refused(said(lifted, secret=STOLEN), "signature")
    receiver.refused({**said(suspended(9)), "signature": good["signature"]}, "signature")
    receiver.refused({**good, "signed": good["signed"].replace('"revision":9', '"revision":8')}, "signature")
    receiver.refused(said(lifted, kind="api-keys"), "signed.kind")
    receiver.refused(said(lifted, to="elsewhere"), "signed.for")
    receiver.refused(said(lifted, off_ms=-GOOD_FOR_MS - 5_000), "signed.signed_at_ms")
    receiver.refused(said(lifted, off_ms=AHEAD_MS_MAX + 60_000), "signed.signed_at_ms")
    status, problem = receiver.ask("GET", "/api/get/k", text, None)
    assert (status, problem["code"]) == (401, "tenant_suspended")
    assert receiver.put(good) == (200, {"applied": 1})


def test_a_tenant_that_is_not_shared_is_refused_with_all_beside_it(receiver: Receiver) -> None:
    """Signed or not."""
    stranger = grant_document(replace(FULL, tenant="stranger"))
    status, problem = receiver.put(sealed(grant_document(FULL), stranger, kind="grants"))
    assert (status, problem["code"], problem["field"]) == (404, "namespace_not_found", "grants[1].tenant")
    assert receiver.put(said(FULL)) == (200, {"applied": 1})


def test_what_is_no_grant_is_refused(receiver: Receiver) -> None:
    """With the place of it, by whoever signed it, and nothing beside it is taken."""
    good = grant_document(FULL)
    for changed, place in (
        ({"tenant": "no/tenant"}, "grants[1].tenant"),
        ({"tenant": None}, "grants[1].tenant"),
        ({"revision": 0}, "grants[1].revision"),
        ({"revision": 2**53}, "grants[1].revision"),
        ({"grant": []}, "grants[1].grant"),
        ({"grant": {"status": "happy"}}, "grants[1].grant.status"),
        ({"grant": {"plan": 3}}, "grants[1].grant.plan"),
        ({"grant": {"plan": "a\nb"}}, "grants[1].grant.plan"),
        ({"grant": {"gone_at_ms": -1}}, "grants[1].grant.gone_at_ms"),
        ({"grant": {"limits": 3}}, "grants[1].grant.limits"),
        ({"grant": {"limits": {"requests_per_second": 0}}}, "grants[1].grant.limits.requests_per_second"),
        ({"grant": {"limits": {"key_burst": 3}}}, "grants[1].grant.limits.key_burst"),
        ({"grant": {"limits": {"top_k": 1.5}}}, "grants[1].grant.limits.top_k"),
        ({"grant": {"reads_blocked": {**BLOCK, "used": None}}}, "grants[1].grant.reads_blocked.used"),
        ({"grant": {"writes_blocked": {**BLOCK, "raise_at": ""}}}, "grants[1].grant.writes_blocked.raise_at"),
        ({"grant": {"prices": {**PRICES, "version": 1}}}, "grants[1].grant.prices.version"),
    ):
        status, problem = receiver.put(sealed(good, {**good, "tenant": "default", **changed}, kind="grants"))
        assert (status, problem["field"]) == (400, place), problem
    later = {"status": "active", "of_a_later_release": 1, "limits": {"of_a_later_release": 1}}
    two = sealed(good, {"tenant": "default", "revision": 1, "grant": later}, kind="grants")
    assert receiver.put(two) == (200, {"applied": 2})


BLOCK = {"limit": "l", "used": 1, "allowed": 1, "unit": "u", "raise_at": "r"}
PRICES = {"version": "1", "million_read_units": 1, "million_write_units": 1, "gigabyte_month": 1}
OF_BOTH = "the-secret-of-both-sites"


@pytest.mark.parametrize("kind", [embedded, worker])
def test_where_no_signer_is_known_nobody_says_a_grant(kind: Any, tmp_path: Path, aws: Emulators) -> None:
    """Though keys are taken there."""
    with ExitStack() as closing:
        receiver = replace(kind(tmp_path, aws, closing, ""), path=GRANTS)
        receiver.refused(said(FULL), "signed")
        receiver.refused({}, "signed")
        assert receiver.ask("PUT", KEYS, OF_BOTH, {"keys": [key_document(new_key("acme")[0])]})[0] == 200


def test_of_a_tenant_that_is_gone_no_key_is_left(receiver: Receiver) -> None:
    """Nor does an old statement bring one back, or what the tenant was allowed; another tenant notices nothing."""
    key, text = new_key("acme")
    other, other_text = new_key("default")
    keys = sealed(key_document(key))
    assert receiver.ask("PUT", KEYS, OF_BOTH, keys)[0] == 200
    assert receiver.ask("PUT", KEYS, OF_BOTH, sealed(key_document(other)))[0] == 200
    assert receiver.ask("POST", "/api/put", text, {"key": "k", "value": "v"})[0] == 200
    assert receiver.put(said(FULL)) == (200, {"applied": 1})
    now_ms = SystemClock().unix_ms()
    gone = replace(suspended(6), gone_at_ms=now_ms)
    assert receiver.put(said(gone)) == (200, {"applied": 1})
    assert receiver.put(said(replace(gone, revision=7, status=TenantStatus.ACTIVE))) == (200, {"applied": 1})
    assert receiver.put(said(FULL)) == (200, {"applied": 0})
    receiver.ask("PUT", KEYS, OF_BOTH, keys)
    assert receiver.ask("GET", "/api/get/k", text, None)[0] == 401
    assert receiver.ask("GET", "/api/get/k", other_text, None)[0] == 404


# --- who says them ---


def pushing(here: LocalSite, there: LocalSite, clock: ManualClock, settings: PeerSettings) -> GrantPush:
    return GrantPush(here.adapters.grants, there.replica, clock, lambda: 0.5, goes=settings.grant_goes)


@pytest.fixture
def sites(tmp_path: Path, clock: ManualClock) -> tuple[LocalSite, LocalSite]:
    return memory_site("here", tmp_path, clock), memory_site("there", tmp_path, clock)


def test_grants_go_when_they_change_and_again_after_a_while(
    sites: tuple[LocalSite, LocalSite], clock: ManualClock
) -> None:
    """To a peer that lost them; those of tenants that are not shared, or may not be there, do not go."""
    here, there = sites
    settings = PeerSettings(
        "here", "there", tenants=frozenset({"acme", "european"}), region="us", peer_region="us"
    ).residing(here.adapters.grants, clock)
    push = pushing(here, there, clock, settings)
    for tenant, region in (("acme", None), ("stranger", None), ("european", "eu")):
        here.adapters.grants.put(TenantGrant(tenant, 1, region=region))
    assert push.run()
    assert [one.tenant for one in there.adapters.grants.list()] == ["acme"]
    here.database.tenants.set_status("acme", TenantStatus.SUSPENDED)
    clock.sleep(EVERY_SECONDS)
    assert push.run()
    assert there.adapters.grants.get("acme") == here.adapters.grants.get("acme")
    there.adapters.grants.forget(TenantGrant("acme", 2))
    clock.sleep(EVERY_SECONDS)
    assert push.run()
    assert there.adapters.grants.get("acme") is None
    clock.sleep(PUSH_AGAIN_SECONDS)
    assert push.run()
    assert there.adapters.grants.get("acme") == here.adapters.grants.get("acme")


def test_a_peer_of_an_earlier_release_is_asked_now_and_then(
    sites: tuple[LocalSite, LocalSite], clock: ManualClock
) -> None:
    """It is no failure. A tenant that it does not share is one, and is tried again."""
    here, asked = sites[0], list[int]()

    class Refusing:
        def __init__(self, error: NotFound) -> None:
            self.error = error

        def apply_grants(self, grants: Any) -> int:
            asked.append(len(grants))
            raise self.error

    here.adapters.grants.put(FULL)
    push = GrantPush(here.adapters.grants, Refusing(NotFound("-")), clock, lambda: 0.5, goes=lambda _: True)
    assert [push.run(), push.run()] == [True, True]
    clock.sleep(UNABLE_SECONDS)
    assert push.run()
    assert asked == [1, 1]
    unshared = Refusing(NamespaceNotFound("-"))
    push = GrantPush(here.adapters.grants, unshared, clock, lambda: 0.5, goes=lambda _: True)
    assert not push.run()


def test_the_site_that_gives_grants_takes_none(tmp_path: Path, clock: ManualClock) -> None:
    """Whoever signs."""
    site = replace(memory_site("here", tmp_path, clock), takes_api_keys=False)
    with pytest.raises(Conflict):
        site.replica.apply_grants([FULL])


def test_the_client_signs_them_and_is_understood(tmp_path: Path, clock: ManualClock) -> None:
    """As the driver sends them; whole, whatever they say."""
    verify = verifying([public_key_text(SIGNING)])
    site = replace(memory_site("there", tmp_path, clock), verify=verify)
    with serving(create_app(site.database)) as url:
        seal = Sealing("here", "there", signing(lambda: SIGNING), clock)
        replica = HttpReplica(url, lambda: OF_SITES, SystemClock(), site="there", seal=seal)
        assert replica.apply_grants([FULL, TenantGrant("t", 1)]) == 2
        assert site.adapters.grants.get("acme") == FULL
        replica.close()
    assert parse_grants([grant_document(FULL)]) == [FULL]


def test_a_deletion_reaches_the_other_site(sites: tuple[LocalSite, LocalSite], clock: ManualClock) -> None:
    """Though both have its data, where one gives grants: from the beginning neither gives any of it, each leaves
    nothing, and in the end not even the word is left that it is gone.
    """
    plain, there = sites
    here = replace(plain, gives_grants=True)
    settings = PeerSettings("here", "there", shares=SharedData.ALL).residing(here.adapters.grants, clock)
    push = pushing(here, there, clock, settings)
    for site in sites:
        ApiKeys(site.adapters.api_keys, clock).create("acme", "k", ["read"])
        site.database.namespaces.create("acme", "default", NamespaceSettings(3, Metric.COSINE))
    here.adapters.grants.put(FULL)

    condemned = CondemnedTenants(there.adapters.grants, there.database.tenant_deletion())
    with pytest.raises(Conflict):
        plain.database.tenant_deletion().run("acme")
    assert here.adapters.grants.get("acme") == FULL
    for _ in range(4):
        deleted = here.database.tenant_deletion().run("acme").gone
        for site in sites:
            site.database.maintenance.run_once()
        clock.sleep(61)
        push.run()
        condemned.run_once()
        assert not settings.shared("acme", "default")
        if deleted:
            break
    for _ in range(3):
        for site in sites:
            site.database.maintenance.run_once()
        clock.sleep(61)
        condemned.run_once()
    for site in sites:
        assert site.database.tenants.list() == []
        assert site.adapters.api_keys.list("acme") == []
        assert site.adapters.catalog.all_namespaces() == []
        (word,) = site.adapters.grants.list()
        assert (word.limits, word.plan, word.prices) == (GrantLimits(), None, None)
    assert there.replica.apply_grants([FULL]) == 0
    clock.sleep(GONE_KEPT_MS / 1_000)
    with pytest.raises(NotFound):
        here.database.tenant_deletion().run("nobody")
    assert here.adapters.grants.list() == []
    assert there.replica.apply_grants([TenantGrant("t", 1)]) == 1
    assert [one.tenant for one in there.adapters.grants.list()] == ["t"]
