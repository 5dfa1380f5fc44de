"""Which namespaces are shared with a peer, and what a shared name is at this site."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, NamespaceDiffers, NamespaceNotFound
from quartzdb.domain.namespace import (
    DEFAULT_NAMESPACE,
    Namespace,
    NamespaceSettings,
    check_namespace_name,
    check_tenant,
)
from quartzdb.replication.ports import SharedNamespace, SharedPart
from quartzdb.replication.wire.declared_document import declared_by, settings_as
from quartzdb.storage.ports import NamespaceCatalog

logger = logging.getLogger(__name__)

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

        One that declares nothing here takes over what it declares at the peer, so that both find by the same fields.
        """
        found = self.find(wanted)
        if found is None:
            settings = _known_settings(wanted) or NamespaceSettings(wanted.dimension, wanted.metric)
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
        if wanted.declared and not declared:
            found = self._declaring(found, wanted)
        return found

    def _declaring(self, found: Namespace, wanted: SharedNamespace) -> Namespace:
        settings = _known_settings(wanted)
        if settings is None:
            return found
        return self._catalog.declare(replace(found, settings=settings)) or found


def _known_settings(wanted: SharedNamespace) -> NamespaceSettings | None:
    """The settings of a namespace as the peer has it; None where it declares what is not known here."""
    try:
        return settings_as(wanted)
    except InvalidArgument as error:
        # A language that a later release has, say: nothing is searched by it here, and the data come all the same.
        name = f"{wanted.tenant}/{wanted.namespace}"
        logger.warning("%s declares at the peer what is not known here: %s", name, error.message)
        return None
