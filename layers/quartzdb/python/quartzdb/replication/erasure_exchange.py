"""Erasures of either site on their way to the other, and the word that its copy is gone on its way back.

A site is told of one once it has the deletions, which the checkpoints say. Telling it again only asks how far it is, so
nothing is remembered beyond this process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.erasure import PeerCopy
from quartzdb.domain.errors import NotFound, QuartzError
from quartzdb.replication.backoff import Backoff
from quartzdb.replication.ports import Checkpoints, Direction, ErasingSite, Feed, SharedErasure
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS

logger = logging.getLogger(__name__)

EVERY_SECONDS = 15.0
UNABLE_SECONDS = 3_600.0
"""A peer of an earlier release is asked again after so long."""
UNABLE = PeerCopy(why="the other site's release does not say how far it is: erase it there, too")


class ErasureExchange:
    """Between this site and its peer, both ways. Not thread-safe."""

    def __init__(
        self,
        local: ErasingSite,
        peer: ErasingSite,
        checkpoints: Checkpoints,
        clock: Clock,
        jitter: Callable[[], float],
    ) -> None:
        self._sites = (local, peer)
        self._checkpoints = checkpoints
        self._clock = clock
        self._backoff = Backoff(clock.monotonic, jitter)
        self._again_at = 0.0

    def run(self) -> bool:
        """One exchange, unless the last was a short time ago. False: it failed."""
        now = self._clock.monotonic()
        if self._backoff.waiting or now < self._again_at:
            return True
        local, peer = self._sites
        try:
            self._again_at = now + EVERY_SECONDS
            try:
                self._bring(local, peer)
                self._bring(peer, local)
            except NotFound as error:
                if type(error) is not NotFound:
                    raise  # something that is not there, rather than the question itself
                self._again_at = now + UNABLE_SECONDS
                local.note_erased([(one, UNABLE) for one in local.erasures_waiting()])
        except QuartzError as error:
            logger.warning("erasures did not get to the other site and back: %s", error.message)
            self._backoff.failed(error)
            return False
        self._backoff.succeeded()
        return True

    def _bring(self, source: ErasingSite, destination: ErasingSite) -> None:
        asked = [
            one for one in source.erasures_waiting() if self._has_come(one, source.site, destination.site)
        ]
        if asked:
            told: Sequence[PeerCopy] = destination.erase(asked)
            source.note_erased(list(zip(asked, told, strict=True)))

    def _has_come(self, one: SharedErasure, source: str, destination: str) -> bool:
        """Whether the destination has the deletions of it."""
        feed = Feed.KEYS if one.erasure.by_keys else Feed.RECORDS
        found = self._checkpoints.read(Direction(source, destination, one.tenant, one.namespace, feed))
        return found is not None and found.through_ms > one.erasure.at_ms + CLOCK_ERROR_MAX_MS
