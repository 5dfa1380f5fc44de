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

_ATTEMPTS_MAX = 8


class Tenants:
    """One instance serves every tenant."""

    def __init__(self, grants: TenantGrants) -> None:
        self._grants = grants
        self._said: Counter[str] = Counter()

    def said(self, tenant: str) -> int:
        """How often something was said of the tenant in this process: what was remembered before then is of no use."""
        return self._said[tenant]

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
        """The grants on record, in the order of their tenants."""
        return self._grants.list()

    def set_status(self, tenant: str, status: TenantStatus) -> TenantGrant:
        """Say what is answered to the tenant from now on; the rest of its grant stays. Saying it again changes nothing.

        Raises InvalidArgument for what can be no tenant, Unavailable where others change the grant all the time.
        """
        check_tenant(tenant)
        for _ in range(_ATTEMPTS_MAX):
            present = self.grant(tenant)
            if present.status is status:
                return present
            wanted = replace(present, revision=present.revision + 1, status=status)
            with freeing():  # a tenant has to be stopped on a full disk, too
                if self.put(wanted):
                    return wanted
        raise Unavailable(
            f"The grant of the tenant {tenant!r} is being changed by others.", hint="Try again in a moment."
        )

    def forget(self, tenant: str) -> None:
        """Keep nothing of what was ever said, so that the tenant is one like any that nobody has heard of."""
        present = self._grants.get(tenant)
        if present is not None:
            self._grants.forget(present)
            self._said[tenant] += 1
