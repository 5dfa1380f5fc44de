"""The contract of TenantGrants."""

from __future__ import annotations

from collections.abc import Callable

from quartzdb.domain.grant import Block, GrantLimits, Prices, TenantGrant, TenantStatus
from quartzdb.services.ports import TenantGrants

SUSPENDED = TenantGrant("t", 2, TenantStatus.SUSPENDED)
BLOCK = Block("monthly_reads", 12, 10, "read units", 1_700_000_000_000, "https://console.example.com/plan")
FULL = TenantGrant(
    "t9",
    2**40,
    TenantStatus.READ_ONLY,
    plan="pro",
    limits=GrantLimits(100, 200, 50, 80, 10, 1_536, 1_000, 10**9, 2**41),
    reads_blocked=BLOCK,
    writes_blocked=Block("cap", 5, 5, "micro-dollars", None, "ö – 価格"),
    region="us-east-1",
    prices=Prices("2026-11", 12_000_000, 8_000_000, 600_000),
    raise_at="https://console.example.com/plan",
)


def test_a_grant_comes_back_as_it_was_put(open_tenant_grants: Callable[[], TenantGrants]) -> None:
    """Whole, whatever it says, also for the next process; in the order of their tenants."""
    assert open_tenant_grants().get("t") is None
    assert open_tenant_grants().list() == []
    grants = [TenantGrant(f"t{n}", n + 1, status) for n, status in enumerate(TenantStatus)] + [FULL]
    for grant in reversed(grants):
        assert open_tenant_grants().put(grant)
    assert [open_tenant_grants().get(grant.tenant) for grant in grants] == grants
    assert open_tenant_grants().list() == grants


def test_the_later_revision_wins(tenant_grants: TenantGrants) -> None:
    """In whatever order they come; one as late as what is there changes nothing, and another tenant's neither."""
    assert tenant_grants.put(SUSPENDED)
    assert not tenant_grants.put(TenantGrant("t", 1, TenantStatus.ACTIVE))
    assert not tenant_grants.put(TenantGrant("t", 2, TenantStatus.READ_ONLY))
    assert tenant_grants.put(TenantGrant("other", 9, TenantStatus.READ_ONLY))
    assert tenant_grants.get("t") == SUSPENDED
    assert tenant_grants.put(TenantGrant("t", 3, TenantStatus.ACTIVE))
    assert tenant_grants.get("t") == TenantGrant("t", 3, TenantStatus.ACTIVE)


def test_a_grant_is_forgotten_as_it_was_seen(tenant_grants: TenantGrants) -> None:
    """Not one that is later by now."""
    tenant_grants.put(SUSPENDED)
    assert not tenant_grants.forget(TenantGrant("t", 1, TenantStatus.SUSPENDED))
    assert tenant_grants.forget(SUSPENDED)
    assert not tenant_grants.forget(SUSPENDED)
    assert tenant_grants.get("t") is None
    assert tenant_grants.list() == []
