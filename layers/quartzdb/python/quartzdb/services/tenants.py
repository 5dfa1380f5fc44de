"""Use cases of tenants: what each is allowed, by its grant.

A tenant that nothing was said about is active, so that a database without any grant works as one that has none to keep.
HAZARD: the grant is remembered with the API key, so a process goes by an earlier one for `key_cache_seconds` more,
unless it said the later one itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from quartzdb.domain.errors import Unavailable
from quartzdb.domain.freeing import freeing
from quartzdb.domain.grant import TenantGrant, TenantStatus
from quartzdb.domain.namespace import check_tenant
from quartzdb.services.ports import TenantGrants

GONE_KEPT_MS = 7 * 24 * 3_600_000
"""As long as another site keeps what it may still tell of a tenant that is gone."""
_ATTEMPTS_MAX = 8


class Tenants:
    """One instance serves every tenant."""

    def __init__(self, grants: TenantGrants) -> None:
        self._grants = grants
        self._said: Counter[str] = Counter()

    def said(self, tenant: str) -> int:
        """How often something was said of the tenant in this process: what was remembered before then is of no use."""
        return self._said.get(tenant, 0)

    def grant(self, tenant: str) -> TenantGrant:
        """What the tenant is allowed now; revision 0 where nothing was ever said."""
        return self._grants.get(tenant) or TenantGrant(tenant, 0)

    def get(self, tenant: str) -> TenantGrant | None:
        """The grant on record."""
        return self._grants.get(tenant)

    def put(self, grant: TenantGrant) -> bool:
        """Have what the grant says hold, unless one with the same revision or a higher one is there; whether it does.

        Raises InvalidArgument for what can be no tenant.
        """
        check_tenant(grant.tenant)
        stored = self._grants.put(grant)
        self._said[grant.tenant] += 1
        return stored

    def list(self) -> Sequence[TenantGrant]:
        """The grants on record, in the order of their tenants; of tenants that are gone there is none."""
        return [grant for grant in self._grants.list() if not grant.buried]

    def set_status(self, tenant: str, status: TenantStatus) -> TenantGrant:
        """Say what is answered to the tenant from now on; the rest of its grant stays. Saying it again changes nothing.

        Raises InvalidArgument for what can be no tenant, Unavailable where others change the grant all the time.
        """
        check_tenant(tenant)
        for _ in range(_ATTEMPTS_MAX):
            present = self.grant(tenant)
            if present.status is status and not present.buried:
                return present
            wanted = replace(present, revision=present.revision + 1, status=status, gone_at_ms=None)
            with freeing():  # a tenant has to be stopped on a full disk, too
                if self.put(wanted):
                    return wanted
        raise _contested(tenant)

    def condemn(self, tenant: str, at_ms: int) -> None:
        """Have nothing answered to the tenant, and nothing shared of it with another site, because it is being
        deleted. Nothing is left of what its grant allowed. Saying it again changes nothing. Raises as `set_status`.
        """
        check_tenant(tenant)
        for _ in range(_ATTEMPTS_MAX):
            present = self.grant(tenant)
            if present.gone_at_ms is not None and not present.buried:
                return
            revision = present.revision + 1
            with freeing():
                if self.put(TenantGrant(tenant, revision, TenantStatus.SUSPENDED, gone_at_ms=at_ms)):
                    return
        raise _contested(tenant)

    def forget_old(self, now_ms: int) -> None:
        """Drop the words about tenants that have been gone for GONE_KEPT_MS."""
        forget_old(self._grants, now_ms)

    def forget(self, tenant: str) -> None:
        """Nothing is left of the tenant: it is one like any that nobody has heard of. Of one that was condemned the
        word that it is gone stays for GONE_KEPT_MS, because another site has to hear of it. Raises Unavailable.
        """
        for _ in range(_ATTEMPTS_MAX):
            present = self._grants.get(tenant)
            if present is None or present.buried:
                return
            if present.gone_at_ms is None:
                if self._grants.forget(present):
                    self._said[tenant] += 1
                    return
            elif self.put(TenantGrant(tenant, present.revision + 1, gone_at_ms=present.gone_at_ms)):
                return
        raise _contested(tenant)


def is_old(grant: TenantGrant, now_ms: int) -> bool:
    """Whether this is the word about a tenant that has been gone for so long that nobody tells old news of it."""
    return grant.buried and grant.gone_at_ms is not None and now_ms - grant.gone_at_ms > GONE_KEPT_MS


def forget_old(grants: TenantGrants, now_ms: int) -> None:
    """Drop such words."""
    for grant in grants.list():
        if is_old(grant, now_ms):
            grants.forget(grant)


def _contested(tenant: str) -> Unavailable:
    return Unavailable(
        f"The grant of the tenant {tenant!r} is being changed by others.", hint="Try again in a moment."
    )
