"""What a project's namespaces hold, by the statistics of a database beside the platform.

Live bytes are those of its segments' files that are of live rows, of vectors that no segment has yet, and of values.
"""

from __future__ import annotations

from quartzdb.domain.errors import NamespaceNotFound
from quartzdb.services.consistency import STRONG, Consistency
from quartzdb.services.namespaces import Namespaces, NamespaceStats
from quartzdb_platform.ports import Held

_EVENTUAL = Consistency(strong=False)
_PAGE = 100


class NamespaceSizes:
    """DataPlaneSizes."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    def held(self, tenant: str, *, exact: bool = False) -> Held:
        """What it holds; `exact`: with every write that was acknowledged before, else as this process knows it."""
        held, cursor = Held(0, 0), None
        while True:
            page = self._namespaces.list(tenant, cursor=cursor, limit=_PAGE)
            for namespace in page.items:
                try:
                    stats = self._namespaces.stats(namespace, STRONG if exact else _EVENTUAL)
                except NamespaceNotFound:
                    continue  # deleted since it was listed
                size = _live_bytes(stats, namespace.settings.vector_bytes)
                held = Held(held.bytes + size, held.vectors + stats.records)
            cursor = page.cursor
            if cursor is None:
                return held


def _live_bytes(stats: NamespaceStats, vector_bytes: int) -> int:
    segments = sum(segment.bytes * segment.live_rows // max(segment.rows, 1) for segment in stats.segments)
    return segments + stats.tail_rows * vector_bytes + stats.key_value_bytes
