"""Grants of tenants in memory: what TenantGrants are, in their shortest form."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from quartzdb.domain.grant import TenantGrant


class MemoryTenantGrants:
    """TenantGrants in memory."""

    def __init__(self) -> None:
        self._grants: dict[str, TenantGrant] = {}
        self._lock = threading.Lock()

    def get(self, tenant: str) -> TenantGrant | None:
        """The grant, if anything was said about the tenant."""
        with self._lock:
            return self._grants.get(tenant)

    def put(self, grant: TenantGrant) -> bool:
        """Store it unless one as late is there; whether it was stored."""
        with self._lock:
            present = self._grants.get(grant.tenant)
            if present is not None and present.revision >= grant.revision:
                return False
            self._grants[grant.tenant] = grant
            return True

    def list(self) -> Sequence[TenantGrant]:
        """All of them, in the order of their tenants."""
        with self._lock:
            return [self._grants[tenant] for tenant in sorted(self._grants)]

    def forget(self, grant: TenantGrant) -> bool:
        """Remove the grant, if it is still the one at this revision; whether it was."""
        with self._lock:
            present = self._grants.get(grant.tenant)
            if present is None or present.revision != grant.revision:
                return False
            del self._grants[grant.tenant]
            return True
