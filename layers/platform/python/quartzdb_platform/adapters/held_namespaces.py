"""What a project's namespaces hold, one by one, by the statistics of a database beside the platform."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb.domain.errors import NamespaceNotFound
from quartzdb.domain.namespace import Precision
from quartzdb.services.consistency import Consistency
from quartzdb.services.namespaces import Namespaces
from quartzdb_platform.ports import HeldNamespace

NAMESPACES_MAX = 200
"""Of one project. Each may have to be opened for it, and a page waits."""
_EVENTUAL = Consistency(strong=False)
_PAGE = 100


class HeldNamespaces:
    """DataPlaneDescriptions, as this process knows them."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    def describe(self, tenant: str) -> Sequence[HeldNamespace]:
        """By name; of more than NAMESPACES_MAX the first."""
        found: list[HeldNamespace] = []
        cursor = None
        while len(found) < NAMESPACES_MAX:
            page = self._namespaces.list(tenant, cursor=cursor, limit=_PAGE)
            for namespace in page.items:
                try:
                    stats = self._namespaces.stats(namespace, _EVENTUAL)
                except NamespaceNotFound:
                    continue  # deleted since it was listed
                settings = namespace.settings
                live = sum(one.bytes * one.live_rows // max(one.rows, 1) for one in stats.segments)
                size = live + stats.tail_rows * settings.vector_bytes + stats.key_value_bytes
                found.append(
                    HeldNamespace(
                        namespace.name,
                        namespace.created_at_ms,
                        settings.dimension,
                        settings.precision is Precision.F16,
                        stats.records,
                        size,
                    )
                )
            cursor = page.cursor
            if cursor is None:
                break
        return found
