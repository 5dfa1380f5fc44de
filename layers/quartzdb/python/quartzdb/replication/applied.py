"""How much of the other site's writes this site has: what a reader is told, and what a version token is held against.

Made of checkpoints alone, as the status is. What is told is true from before the read that it goes with, so the read
itself may have more, and never less.
"""

from __future__ import annotations

import threading

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import VersionNotApplied
from quartzdb.domain.hlc import Version
from quartzdb.replication.ports import Behind, Checkpoints, Direction, Feed
from quartzdb.replication.shared_namespaces import Shared
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS

REMEMBERED_MS = 1_000
"""How long a checkpoint is good for telling how far this site is behind: telling too much does no harm."""
_REMEMBERED_MAX = 1_024
RETRY_SECONDS = 5
"""When to ask again for what has not come: the driver comes by about as often."""


class AppliedChanges:
    """Thread-safe."""

    def __init__(
        self, site: str, peer_site: str, checkpoints: Checkpoints, clock: Clock, shared: Shared
    ) -> None:
        self._site = site
        self.peer_site = peer_site
        self._checkpoints = checkpoints
        self._clock = clock
        self._shared = shared
        self._remembered: dict[Direction, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def behind(self, tenant: str, namespace: str, feed: Feed) -> Behind | None:
        """How far this site is; None where nothing of the namespace comes from the other. Raises Unavailable."""
        if not self._shared(tenant, namespace):
            return None
        direction = Direction(self.peer_site, self._site, tenant, namespace, feed)
        now_ms = self._clock.unix_ms()
        with self._lock:
            read_ms, through_ms = self._remembered.get(direction, (0, 0))
        if not 0 <= now_ms - read_ms < REMEMBERED_MS:
            through_ms = self._through_ms(direction)
        return Behind(self.peer_site, now_ms, through_ms or None)

    def require(self, tenant: str, namespace: str, feed: Feed, token: Version) -> bool:
        """Whether a version is one of the other site's, which this site has then. Raises VersionNotApplied where it
        does not, and Unavailable.
        """
        if token.site != self.peer_site or not self._shared(tenant, namespace):
            return False
        if token.milliseconds > self._clock.unix_ms() + CLOCK_ERROR_MAX_MS:
            return False  # no honest clock gave it, which whoever reads says
        through_ms = self._through_ms(Direction(self.peer_site, self._site, tenant, namespace, feed))
        if through_ms >= token.milliseconds:
            return True
        raise VersionNotApplied(
            f"The write of this version was made at the site {self.peer_site!r}, and has not come here yet.",
            field="version",
            hint="Send the request again after `Retry-After` seconds, or leave `version` out and read what is here.",
            retry_after_s=RETRY_SECONDS,
        )

    def _through_ms(self, direction: Direction) -> int:
        read_ms = self._clock.unix_ms()
        checkpoint = self._checkpoints.read(direction)
        through_ms = 0 if checkpoint is None else checkpoint.through_ms
        with self._lock:
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[direction] = (read_ms, through_ms)
        return through_ms
