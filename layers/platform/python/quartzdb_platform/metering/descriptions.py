"""What namespaces are and hold, as it was learnt once a day with a sample of storage, where nobody can ask at once."""

from __future__ import annotations

from collections.abc import Sequence

from quartzdb_platform.domain.calendar import day_of
from quartzdb_platform.metering import places
from quartzdb_platform.ports import DocumentTable, HeldNamespace, Put

NAMESPACES_MAX = 200
"""Of one project: the first by name."""


class StoredDescriptions:
    """DataPlaneDescriptions. Asks nothing but the platform's own table."""

    def __init__(self, table: DocumentTable) -> None:
        self._table = table

    def describe(self, tenant: str) -> Sequence[HeldNamespace] | None:
        """As of the day that it was asked last; None before the first."""
        found = self._table.get(*places.described(tenant))
        return None if found is None else [HeldNamespace(*one) for one in found.body["namespaces"]]


def is_due(table: DocumentTable, project_id: str, now_ms: int) -> bool:
    """Whether nothing was learnt today."""
    found = table.get(*places.described(project_id))
    return found is None or found.body["day"] != day_of(now_ms)


def put(table: DocumentTable, project_id: str, now_ms: int, namespaces: Sequence[HeldNamespace]) -> Put:
    """What to add to a transaction in which it is learnt."""
    place = places.described(project_id)
    found = table.get(*place)
    body = {"day": day_of(now_ms), "namespaces": [list(one) for one in namespaces[:NAMESPACES_MAX]]}
    revision = None if found is None else found.revision
    return Put(*place, body, revision, places.expires_at_ms(day_of(now_ms)))
