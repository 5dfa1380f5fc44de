"""Deleting the tenants that the other site has said are to be gone, at a site that keeps itself.

A grant says it, which this site has taken over from the one that gives grants; nobody has to be here to do it.
"""

from __future__ import annotations

import logging

from quartzdb.domain.errors import NotFound
from quartzdb.services.ports import TenantGrants
from quartzdb.services.tenant_deletion import TenantDeletion

logger = logging.getLogger(__name__)
EVERY_SECONDS = 30.0


class CondemnedTenants:
    """`deletion` is that of this site."""

    def __init__(self, grants: TenantGrants, deletion: TenantDeletion) -> None:
        self._grants = grants
        self._deletion = deletion

    def run_once(self) -> bool:
        """Go as far with each as one can now; there is never more to do at once. Raises Unavailable."""
        for grant in self._grants.list():
            if grant.gone_at_ms is None:
                continue
            try:
                if self._deletion.run(grant.tenant).gone:
                    logger.info("nothing of the tenant %s is left here", grant.tenant)
            except NotFound:
                continue
        return False
