"""Which namespaces are shared with a peer, and what a shared name is at this site."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NamespaceDiffers, NamespaceNotFound
from quartzdb.domain.namespace import (
    DEFAULT_NAMESPACE,
    Namespace,
    check_namespace_name,
    check_tenant,
)
from quartzdb.replication.ports import SharedNamespace, SharedPart
from quartzdb.replication.wire.declared_document import declared_by, settings_as
from quartzdb.storage.ports import NamespaceCatalog

Shared = Callable[[str, str], bool]
"""Whether the namespace (tenant, name) is shared."""


def default_namespaces(tenant: str, name: str) -> bool:
    """The namespace behind `/api/*` of each tenant: all that a Cloudflare site has."""
    del tenant
    return name == DEFAULT_NAMESPACE


def all_namespaces(tenant: str, name: str) -> bool:
    """Every namespace: what two AWS sites share."""
    del tenant, name
    return True


def of_tenants(shared: Shared, tenants: Collection[str]) -> Shared:
    """As `shared`, but of these tenants alone."""
    return lambda tenant, name: tenant in tenants and shared(tenant, name)


def shared_of(part: SharedPart) -> Shared:
    """What a part says."""
    shared = all_namespaces if part.all_namespaces else default_namespaces
    return shared if part.tenants is None else of_tenants(shared, part.tenants)


def has_shared_keys(shared: Shared, tenant: str) -> bool:
    """Whether API keys of the tenant go between the sites: where its default namespace is shared, as always is one."""
    return shared(tenant, DEFAULT_NAMESPACE)


class SharedNamespaceLookup:
    """The shared part of this site's catalog."""

    def __init__(
        self,
        catalog: NamespaceCatalog,
        clock: Clock,
        shared: Shared,
        *,
        new_generation: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._shared = shared
        self._new_generation = new_generation

    def all_shared(self) -> Sequence[SharedNamespace]:
        """All of them, in order."""
        return sorted(
            SharedNamespace(
                one.tenant, one.name, one.settings.dimension, one.settings.metric, declared_by(one.settings)
            )
            for one in self._catalog.all_namespaces()
            if self._shared(one.tenant, one.name)
        )

    def require_keys(self, tenant: str, field: str) -> None:
        """Raises NamespaceNotFound for a tenant whose API keys are not shared: nobody at the peer may make one."""
        if not has_shared_keys(self._shared, tenant):
            raise NamespaceNotFound(
                f"The tenant {tenant[:80]!r} is not shared.",
                field=field,
                hint="Which tenants are, is a setting of both sites: QUARTZDB_SHARED_TENANTS, --shared-tenants.",
            )

    def find(self, wanted: SharedNamespace) -> Namespace | None:
        """The namespace of that name; None where this site does not have it yet.

        Raises NamespaceNotFound for one that is not shared: a peer learns nothing about those.
        """
        check_tenant(wanted.tenant)
        check_namespace_name(wanted.namespace)
        if not self._shared(wanted.tenant, wanted.namespace):
            raise NamespaceNotFound(
                f"The namespace {wanted.namespace!r} of tenant {wanted.tenant!r} is not shared.",
                field="namespace",
                hint="GET /v1/replication/namespaces lists those that are. Data that has to stay in a region is shared "
                "only where both sites are in it.",
            )
        return self._catalog.get(wanted.tenant, wanted.namespace)

    def take(self, wanted: SharedNamespace) -> Namespace:
        """The namespace of that name, created if it is not there. Raises NamespaceDiffers, NamespaceNotFound.

        What is declared at one of the sites alone is no difference: it is about how a site searches, and a Cloudflare
        site knows nothing of it until it is told.
        """
        found = self.find(wanted)
        if found is None:
            settings = settings_as(wanted)
            made = Namespace(
                wanted.tenant, wanted.namespace, self._new_generation(), settings, self._clock.unix_ms()
            )
            found = self._catalog.create(made)
        mine = found.settings
        if (mine.dimension, mine.metric) != (wanted.dimension, wanted.metric):
            raise NamespaceDiffers(
                f"The namespace {wanted.namespace!r} has dimension {mine.dimension} and metric {mine.metric} here, "
                f"but dimension {wanted.dimension} and metric {wanted.metric} at the peer.",
                field="settings",
                hint="Settings are fixed at creation: one of the two has to be exported and created anew.",
            )
        declared = declared_by(mine)
        if declared and wanted.declared and declared != wanted.declared:
            raise NamespaceDiffers(
                f"The namespace {wanted.namespace!r} declares other text or sparse fields here than at the peer.",
                field="settings",
                hint="Settings are fixed at creation: one of the two has to be exported and created anew.",
            )
        return found
