"""A tenant's grant as the adapters store it: one JSON document beside tenant and revision."""

from __future__ import annotations

from quartzdb.domain.errors import Corrupted, InvalidArgument
from quartzdb.domain.grant import TenantGrant, grant_of


def stored_grant(tenant: str, revision: int, text: str) -> TenantGrant:
    """The grant that was stored. Raises Corrupted where it is none."""
    try:
        return grant_of(tenant, revision, text)
    except InvalidArgument as error:
        raise Corrupted(
            f"The grant of the tenant {tenant!r} is not what was written: {error.message}",
            hint="Restore the table from a backup. Until then the tenant is refused.",
        ) from error
