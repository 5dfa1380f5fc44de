"""Deleting a tenant: everything that it has, in steps that can be taken again until nothing is left.

The tenant is suspended first, so that nobody adds to what is being deleted; that is the last thing to be forgotten.
Where another site takes grants from this one, nothing is shared of the tenant from then on, and its grant says that it
is to be gone there, too.
"""

from __future__ import annotations

from collections.abc import Callable

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NamespaceNotFound, NotFound
from quartzdb.domain.grant import TenantStatus
from quartzdb.domain.namespace import check_tenant
from quartzdb.domain.values import dataclass
from quartzdb.services.keys import ApiKeys
from quartzdb.services.namespaces import Namespaces
from quartzdb.services.tenants import Tenants
from quartzdb.storage.ports import NamespaceCatalog

KEYS_SETTLE_MS = 60_000
"""A revoked key is kept for so long: processes that remembered it have looked again, and their requests have ended."""
NAMESPACES_AT_ONCE = 1_000
"""One run deletes so many: it ends within minutes, wherever it is."""
_PAGE = 100


@dataclass(frozen=True, slots=True)
class TenantRemains:
    """What one run did, and what is still there after it: namespaces that maintenance has yet to drop, keys that were
    revoked a moment ago, and whether deleted rows are still in files.
    """

    namespaces_deleted: int
    keys_revoked: int
    namespaces_pending: int
    keys_pending: int
    files_pending: bool = False

    @property
    def gone(self) -> bool:
        """Whether nothing is left."""
        return not (self.namespaces_pending or self.keys_pending or self.files_pending)


class TenantDeletion:
    """`scrub` leaves nothing of deleted rows in files; False where it has to be done again. `remember` notes the tenant
    and a time (unix ms) where restoring an earlier state finds them. `everywhere`: the other site takes grants from
    this one, so what it shares of a tenant is no reason to keep it. `beside_another`: there is one, which may hear by
    the grant that the tenant is gone.
    """

    def __init__(
        self,
        tenants: Tenants,
        api_keys: ApiKeys,
        namespaces: Namespaces,
        catalog: NamespaceCatalog,
        clock: Clock,
        scrub: Callable[[], bool],
        remember: Callable[[str, int], None],
        *,
        everywhere: bool = False,
        beside_another: bool = False,
    ) -> None:
        self._tenants = tenants
        self._api_keys = api_keys
        self._namespaces = namespaces
        self._catalog = catalog
        self._clock = clock
        self._scrub = scrub
        self._remember = remember
        self._everywhere = everywhere
        self._beside_another = beside_another

    def run(self, tenant: str) -> TenantRemains:
        """Delete what can be deleted now. Safe to repeat. Raises NotFound where there is nothing of the tenant,
        NamespaceShared for a namespace that another site has, too.
        """
        self._tenants.forget_old(self._clock.unix_ms())
        self._require(tenant)
        unshared = not self._everywhere and self._tenants.grant(tenant).gone_at_ms is None
        if unshared:
            self._require_unshared(tenant)
        # First of all: what is restored from here on has nothing of it, whatever becomes of this run.
        self._remember(tenant, self._clock.unix_ms())
        if unshared and not self._beside_another:
            self._tenants.set_status(tenant, TenantStatus.SUSPENDED)
        else:
            self._tenants.condemn(tenant, self._clock.unix_ms())
        # Before the namespaces: a key that is remembered as good somewhere may still make one.
        active = [key for key in self._api_keys.list(tenant, of_browsers=True) if key.revoked_at_ms is None]
        for key in active:
            self._api_keys.revoke(tenant, key.id)
        deleted = self._delete_namespaces(tenant)
        pending = self._pending(tenant)
        settled_ms = self._clock.unix_ms() - KEYS_SETTLE_MS
        keys = self._api_keys.list(tenant, of_browsers=True)
        recent = [key for key in keys if key.revoked_at_ms is None or key.revoked_at_ms > settled_ms]
        if pending or recent:
            return TenantRemains(deleted, len(active), pending, len(recent))
        for key in keys:
            self._api_keys.forget(key)
        if not self._scrub():
            return TenantRemains(deleted, len(active), 0, 0, files_pending=True)
        self._tenants.forget(tenant)
        return TenantRemains(deleted, len(active), 0, 0)

    def _require(self, tenant: str) -> None:
        check_tenant(tenant)
        granted = self._tenants.grant(tenant)
        if (
            (granted.revision and not granted.buried)
            or self._api_keys.list(tenant, of_browsers=True)
            or self._pending(tenant)
        ):
            return
        raise NotFound(
            f"There is nothing of a tenant {tenant!r}.",
            field="tenant",
            hint="It was deleted, or never had anything. `quartzdb tenants list` lists those that have.",
        )

    def _require_unshared(self, tenant: str) -> None:
        after = None
        while found := self._catalog.list(tenant, prefix="", after=after, limit=_PAGE):
            for namespace in found:
                self._namespaces.require_unshared(tenant, namespace.name)
            after = found[-1].name

    def _delete_namespaces(self, tenant: str) -> int:
        deleted = 0
        while deleted < NAMESPACES_AT_ONCE and (
            found := self._catalog.list(tenant, prefix="", after=None, limit=_PAGE)
        ):
            for namespace in found:
                try:
                    self._namespaces.delete(tenant, namespace.name, with_tenant=True)
                except NamespaceNotFound:  # somebody else was faster
                    continue
                deleted += 1
        return deleted

    def _pending(self, tenant: str) -> int:
        left = len(self._catalog.list(tenant, prefix="", after=None, limit=1))
        return left + sum(namespace.tenant == tenant for namespace in self._catalog.pending_deletion())
