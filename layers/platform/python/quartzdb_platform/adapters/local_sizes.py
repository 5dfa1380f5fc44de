"""What projects hold in a database beside the platform."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.domain.namespace import Precision
from quartzdb.services.tenant_sizes import TenantSize, TenantSizes
from quartzdb_platform.ports import Held, HeldNamespace


class LocalSizes:
    """DataPlaneSizes."""

    def __init__(self, sizes: TenantSizes) -> None:
        self._sizes = sizes

    def held(self, tenant: str, *, exact: bool = False) -> Held:
        """What it holds; without `exact` as this process knows it."""
        return Held(*self._sizes.page(tenant, exact=exact)[0])

    def described(self, tenant: str) -> tuple[Held, Sequence[HeldNamespace]]:
        """As this process knows it."""
        found = self._sizes.each(tenant, exact=False)[0]
        namespaces = [
            HeldNamespace(
                one.namespace.name,
                one.namespace.created_at_ms,
                one.namespace.settings.dimension,
                one.namespace.settings.precision is Precision.F16,
                one.size.vectors,
                one.size.bytes,
            )
            for one in found
        ]
        return Held(*sum((one.size for one in found), TenantSize())), namespaces
