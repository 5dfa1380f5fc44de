"""Taking over grants from the site that gives them: the later one holds, and who is to be gone has no key any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quartzdb.domain.grant import TenantGrant
from quartzdb.services.ports import ApiKeyTable, TenantGrants
from quartzdb.services.tenants import forget_old


def take_grants(
    grants: TenantGrants,
    api_keys: ApiKeyTable,
    taken: Sequence[TenantGrant],
    now_ms: int,
    *,
    said: Callable[[TenantGrant], bool],
) -> int:
    """Have these hold, each unless one as late is there. How many changed something. `said` stores one, and has this
    process go by it at once.

    Keys of tenants that are being deleted are revoked, before a grant says so that does not come a second time.
    """
    changed = 0
    for grant in taken:
        if grant.gone_at_ms is not None:
            for key in api_keys.list(grant.tenant):
                if key.revoked_at_ms is None:
                    api_keys.revoke(key.tenant, key.id, now_ms)
        changed += said(grant)
    if changed:
        forget_old(grants, now_ms)
    return changed
