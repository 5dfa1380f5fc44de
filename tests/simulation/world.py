"""Virtual time and interleaving. Actors are threads of which exactly one runs at a time; every port call is a place
where time passes, another actor may run, and this one may crash. One seed gives one history.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

EPOCH_S = 1_700_000_000.0


class Crash(BaseException):
    """The process of the running actor was killed here. No code under test can catch it by accident."""


class _Stopped(BaseException):
    """The simulation ended: unwind the actor's thread."""


@dataclass(order=True)
class _Event:
    at: float
    order: int
    action: Callable[[], None] = field(compare=False)


class World:
    """The scheduler. `crash_chance` is the probability that a port call kills its process."""

    def __init__(self, seed: int, *, crash_chance: float) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.crash_chance = crash_chance
        self._events: list[_Event] = []
        self._order = 0
        # Plain locks, held from the beginning: whoever releases one lets the other go on. A semaphore is several times
        # as slow, and handing over is much of what a simulation does.
        self._baton = _held()
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self._wakers: list[threading.Lock] = []
        self._current: threading.Lock | None = None
        self._failure: BaseException | None = None

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run something after a while, outside of every actor."""
        self._order += 1
        heapq.heappush(self._events, _Event(self.now + seconds, self._order, action))

    def spawn(self, body: Callable[[], None]) -> None:
        """Start an actor."""
        waker = _held()

        def run() -> None:
            waker.acquire()
            try:
                if not self._stopping:
                    body()
            except _Stopped:
                pass
            except BaseException as error:  # noqa: BLE001 - handed to the test's own thread, which raises it
                self._failure = self._failure or error
            finally:
                if not self._stopping:
                    self._baton.release()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._threads.append(thread)
        self._wakers.append(waker)
        self.later(0.0, lambda: self._hand_to(waker))

    def pause(self, seconds: float) -> None:
        """Let time pass for the running actor, and let others run."""
        waker = self._current
        if self._stopping:
            raise _Stopped  # once more, where something is done on the way out
        assert waker is not None
        self.later(seconds, lambda: self._hand_to(waker))
        self._baton.release()
        waker.acquire()
        if self._stopping:
            raise _Stopped
        self._current = waker

    def step(self, seconds: float) -> None:
        """A port call's worth of time, after which the process may be dead."""
        self.pause(seconds)
        if self.random.random() < self.crash_chance:
            raise Crash

    def run(self, until: float) -> None:
        """Play all events up to a time. Raises what an actor raised."""
        while self._events and self._events[0].at <= until:
            event = heapq.heappop(self._events)
            self.now = event.at
            event.action()
            if self._failure is not None:
                raise self._failure
        self.now = until

    def stop(self) -> None:
        """End every actor."""
        self._stopping = True
        for waker in self._wakers:
            if waker.locked():
                waker.release()
        for thread in self._threads:
            thread.join(10)

    def _hand_to(self, waker: threading.Lock) -> None:
        self._current = waker
        waker.release()
        self._baton.acquire()


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class SkewedClock:
    """One process's clock: the world's time, some milliseconds off."""

    def __init__(self, world: World, skew_s: float) -> None:
        self._world = world
        self._skew_s = skew_s

    def unix_ms(self) -> int:
        """Wall clock in milliseconds."""
        return int((EPOCH_S + self._world.now + self._skew_s) * 1000)

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return self._world.now

    def sleep(self, seconds: float) -> None:
        """Pause the actor."""
        self._world.pause(seconds)
