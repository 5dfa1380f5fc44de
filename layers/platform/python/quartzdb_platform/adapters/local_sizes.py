"""What projects hold in a database beside the platform."""

from __future__ import annotations

from quartzdb.services.tenant_sizes import TenantSizes
from quartzdb_platform.ports import Held


class LocalSizes:
    """DataPlaneSizes."""

    def __init__(self, sizes: TenantSizes) -> None:
        self._sizes = sizes

    def held(self, tenant: str, *, exact: bool = False) -> Held:
        """What it holds; without `exact` as this process knows it."""
        return Held(*self._sizes.page(tenant, exact=exact)[0])
