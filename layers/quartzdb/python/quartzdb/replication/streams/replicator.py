"""Drives replication with one peer: every stream in turn, a page at a time, so that none waits for another's backlog.

Owns whose turn it is. Keeps nothing that must last: a process that takes over goes on from the checkpoints.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb.replication.api_key_push import ApiKeyPush
from quartzdb.replication.backoff import Backoff
from quartzdb.replication.erasure_exchange import ErasureExchange
from quartzdb.replication.grant_push import GrantPush
from quartzdb.replication.streams.peer_streams import Runs
from quartzdb.replication.streams.round_statistics import RoundStatistics

logger = logging.getLogger(__name__)


class Streams(Protocol):
    """Where the streams come from."""

    def refresh(self) -> Sequence[Runs]:
        """Those that there are now. Raises QuartzError."""
        ...

    def tenants(self) -> Collection[str]:
        """Whose namespaces are shared."""
        ...

    def unreachable(self, error: QuartzError) -> None:
        """Take note that the peer cannot be asked at all."""
        ...


class Replicator:
    """Not thread-safe: one driver at a time. Two drivers of one peer only do some work twice.

    `close` lets connections to the peer go; they are made anew when they are needed.
    """

    def __init__(
        self,
        streams: Streams,
        clock: Clock,
        jitter: Callable[[], float],
        *,
        api_keys: ApiKeyPush | None = None,
        erasures: ErasureExchange | None = None,
        grants: GrantPush | None = None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._streams = streams
        self._clock = clock
        self._api_keys = api_keys
        self._erasures = erasures
        self._grants = grants
        self._close = close
        self._backoff = Backoff(clock.monotonic, jitter)
        self._turn = 0

    def run_once(self, until: float) -> RoundStatistics:
        """Go on until both sites are level, as far as anything gets on, or until a time (monotonic seconds)."""
        statistics = RoundStatistics()
        if self._backoff.waiting:
            return statistics
        try:
            streams = self._streams.refresh()
        except QuartzError as error:
            logger.warning("replication cannot begin: %s", error.message)
            statistics.failed += 1
            self._backoff.failed(error)
            self._streams.unreachable(error)
            return statistics
        self._backoff.succeeded()
        if self._api_keys is not None and not self._api_keys.run(self._streams.tenants()):
            statistics.failed += 1
        if self._grants is not None and not self._grants.run():
            statistics.failed += 1
        if self._erasures is not None and not self._erasures.run():
            statistics.failed += 1
        busy = True
        while busy:
            busy = False
            for _ in streams:
                if self._clock.monotonic() >= until:
                    return statistics
                # Not from the first stream each time: where time is short, the last ones would never have a turn.
                self._turn = (self._turn + 1) % len(streams)
                busy = self._run(streams[self._turn], statistics) or busy
        return statistics

    def rest(self) -> None:
        """No round follows soon."""
        self._close()

    @staticmethod
    def _run(stream: Runs, statistics: RoundStatistics) -> bool:
        try:
            return stream.run(statistics)
        except QuartzError as error:
            logger.warning("replication of %s has to wait: %s", stream, error.message)
            statistics.failed += 1
        except Exception:
            # One stream's trouble, whatever it is, must not stop the others.
            logger.exception("replication of %s failed; the others go on", stream)
            statistics.broken += 1
        return False
