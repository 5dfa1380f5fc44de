"""Where data may be: a tenant whose grant names a region is shared only where both sites are in it, and one that is
being deleted nowhere.

A grant is remembered for a while, because this is asked of every namespace in every round. Where it cannot be read,
nothing is shared: whoever asks is told so.
"""

from __future__ import annotations

import logging
import threading

from quartzdb.domain.clock import Clock
from quartzdb.services.ports import TenantGrants

logger = logging.getLogger(__name__)
REMEMBERED_SECONDS = 30.0
_REMEMBERED_MAX = 10_000


class Residency:
    """Thread-safe. `region` and `peer_region`: where the two sites are; None: that is not known, so it is no region
    that anybody's data has to stay in.
    """

    def __init__(
        self, grants: TenantGrants, clock: Clock, region: str | None, peer_region: str | None
    ) -> None:
        self._grants = grants
        self._clock = clock
        self._region = region
        self._peer_region = peer_region
        self._known: dict[str, tuple[bool, float]] = {}
        self._lock = threading.Lock()

    def allows(self, tenant: str) -> bool:
        """Whether its data may be at both sites. Raises Unavailable."""
        now = self._clock.monotonic()
        with self._lock:
            found = self._known.get(tenant)
        if found is not None and now < found[1]:
            return found[0]
        grant = self._grants.get(tenant)
        wanted = None if grant is None else grant.region
        there = wanted is None or wanted == self._region == self._peer_region
        allowed = there and (grant is None or grant.gone_at_ms is None)
        if not there and (found is None or found[0]):
            logger.warning(
                "the tenant %s is not replicated: its data stays in %s, this site is in %s and the peer in %s",
                tenant,
                wanted,
                self._region or "no region that is set",
                self._peer_region or "no region that is set",
            )
        with self._lock:
            if len(self._known) >= _REMEMBERED_MAX:
                self._known.clear()
            self._known[tenant] = (allowed, now + REMEMBERED_SECONDS)
        return allowed
