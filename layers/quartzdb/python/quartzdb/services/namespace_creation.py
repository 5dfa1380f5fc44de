"""The use case of making a namespace. Apart from the others because it needs the catalog and nothing else: whoever has
no right to anybody's data can be given it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Conflict, NamespaceExists
from quartzdb.domain.grant import UNGRANTED, TenantGrant
from quartzdb.domain.granted_limits import require_at_most, require_room
from quartzdb.domain.limits import NAMESPACES_PER_TENANT_MAX
from quartzdb.domain.namespace import Namespace, NamespaceSettings, check_namespace_name, check_tenant
from quartzdb.storage.ports import NamespaceCatalog


class NamespaceCreation:
    """One instance serves every tenant. `new_generation` makes a name that no generation had before."""

    def __init__(
        self,
        catalog: NamespaceCatalog,
        clock: Clock,
        *,
        new_generation: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._catalog = catalog
        self._clock = clock
        self._new_generation = new_generation

    def has_any(self, tenant: str) -> bool:
        """Whether the tenant has a namespace, or one that was deleted and is not gone yet."""
        return bool(self._catalog.list(tenant, prefix="", after=None, limit=1)) or any(
            one.tenant == tenant for one in self._catalog.pending_deletion()
        )

    def create(
        self, tenant: str, name: str, settings: NamespaceSettings, grant: TenantGrant = UNGRANTED
    ) -> tuple[Namespace, bool]:
        """Create it; creating it again with the same settings changes nothing. Returns whether it is new.

        Raises NamespaceExists where it exists with other settings, InvalidArgument for what can be no name or tenant,
        LimitReached for a new one that the grant does not allow. Those that are made at the same moment do not see each
        other, and may be more than it allows by as many as they are.
        """
        check_tenant(tenant)
        check_namespace_name(name, "name")
        allowed, dimension = grant.limits.namespaces, settings.vector_size
        most = NAMESPACES_PER_TENANT_MAX if allowed is None else min(allowed, NAMESPACES_PER_TENANT_MAX)
        present = self._catalog.count(tenant, most) if most else 0
        too_large = grant.limits.dimension is not None and dimension > grant.limits.dimension
        if (present >= most or too_large) and self._catalog.get(tenant, name) is None:
            require_at_most(grant, "dimension", dimension, "dimensions", field="dimension")
            require_room(grant, "namespaces", present, "namespaces")
            raise Conflict(
                f"There are {NAMESPACES_PER_TENANT_MAX} namespaces already, which is the limit.",
                hint="Delete namespaces that are not needed; ids and metadata can also divide one namespace.",
            )
        wanted = Namespace(tenant, name, self._new_generation(), settings, self._clock.unix_ms())
        made = self._catalog.create(wanted)
        if made.settings != settings:
            raise NamespaceExists(
                f"The namespace {name!r} exists with other settings: {_shown(made.settings)}.",
                field="name",
                hint="Settings are fixed at creation. Use another name, or delete the namespace first.",
            )
        return made, made.generation == wanted.generation


def _shown(settings: NamespaceSettings) -> str:
    return (
        f"dimension {settings.dimension}, metric {settings.metric}, engine {settings.engine}, "
        f"precision {settings.precision}, shards {settings.shards}, "
        f"purge_after_days {settings.purge_after_days}, text {', '.join(settings.text) or 'none'}, "
        f"sparse {', '.join(settings.sparse) or 'none'}, key_history {str(settings.key_history).lower()}"
    )
