"""The routing state as the edge holds it: some seconds old, or the last good one for as long as none can be read.

A state that is a little old is used at once and read again beside the request; one that is very old is waited for, but
never longer than a hard limit. A thread of an instance that was frozen may wake with a dead connection, or not at all,
so a read that takes too long counts as lost and another is begun; its late answer is welcome if it is newer.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import NamedTuple

from quartzdb.routing.decision.state import InvalidState, RoutingState

logger = logging.getLogger(__name__)


class Known(NamedTuple):
    """A state, and when it was read. `read_at` -inf: never; it was built in."""

    state: RoutingState
    read_at: float


def in_thread(work: Callable[[], None]) -> None:
    """Do it beside the request."""
    threading.Thread(target=work, name="routing-state", daemon=True).start()


class StateCache:
    """Thread-safe. `fetch` reads the state, and raises OSError or InvalidState; it has a deadline of its own.

    `now` is unix seconds: unlike a monotonic clock it goes on while an instance is frozen, and where it is set back the
    state counts as old. `wait_seconds` is the hard limit for a request that waits.
    """

    def __init__(
        self,
        fetch: Callable[[], RoutingState],
        initial: RoutingState,
        *,
        now: Callable[[], float],
        cache_seconds: float,
        stale_seconds_max: float,
        wait_seconds: float,
        again_seconds: float = 1.0,
        start: Callable[[Callable[[], None]], None] = in_thread,
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._cache_seconds = cache_seconds
        self._stale_seconds_max = stale_seconds_max
        self._wait_seconds = wait_seconds
        self._again_seconds = again_seconds
        self._start = start
        self._lock = threading.Lock()
        self._known = Known(initial, float("-inf"))
        self._reading: threading.Event | None = None
        self._began_at = float("-inf")
        self._failed_at = float("-inf")

    def current(self) -> Known:
        """The state to go by, now."""
        now = self._now()
        age = self._age(self._known.read_at, now)
        if age < self._cache_seconds:
            return self._known
        done = self._refresh(now)
        if done is not None and age >= self._stale_seconds_max:
            done.wait(self._wait_seconds)
        return self._known

    def _refresh(self, now: float) -> threading.Event | None:
        """Have it read, unless that is being done. None: it failed a moment ago, so there is nothing to wait for."""
        with self._lock:
            if self._age(self._failed_at, now) < self._again_seconds:
                return None
            if self._reading is not None and self._age(self._began_at, now) < 2 * self._wait_seconds:
                return self._reading
            done = self._reading = threading.Event()
            self._began_at = now
        self._start(lambda: self._read(done))
        return done

    def _read(self, done: threading.Event) -> None:
        began_at = self._now()
        try:
            state = self._fetch()
        except (OSError, InvalidState) as error:
            self._finish(done, None, began_at)
            logger.warning("the routing state could not be read, the last one stays: %s", error)
        else:
            self._finish(done, state, began_at)

    def _finish(self, done: threading.Event, state: RoutingState | None, began_at: float) -> None:
        with self._lock:
            if state is not None:
                self._known = self._newer(state, began_at)
            elif self._reading is done:
                self._failed_at = self._now()
            if self._reading is done:
                self._reading = None
        done.set()

    def _newer(self, state: RoutingState, began_at: float) -> Known:
        """What is known after a read. As old as the moment it was asked for: a frozen thread brings old news."""
        before, read_at = self._known
        if read_at == float("-inf"):
            return Known(state, began_at)
        read_at = began_at if read_at > self._now() else max(began_at, read_at)
        return Known(state if state.revision >= before.revision else before, read_at)

    @staticmethod
    def _age(moment: float, now: float) -> float:
        return now - moment if now >= moment else float("inf")
