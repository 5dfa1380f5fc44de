"""The deadline of the work that this thread does: long reads look at it between steps, and stop once it has passed.

It is in the context, not in every signature from the edge down to the clause of a filter, and only whoever sets one
knows a clock. Work that is handed to another thread has to take its context along.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar, Token

from quartzdb.domain.errors import DeadlineExceeded
from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class ReadDeadline:
    """A moment of a clock that only goes forward, and how long it was until then."""

    monotonic: Callable[[], float]
    at: float
    seconds: float

    @property
    def left(self) -> float:
        """Seconds until it."""
        return self.at - self.monotonic()

    def exceeded(self) -> DeadlineExceeded:
        """What is raised once it has passed."""
        return DeadlineExceeded(
            f"The request took longer than the {self.seconds:g} s that it may.",
            hint="Ask for less at once: fewer queries, a simpler filter, a lower top_k or recall.",
        )


_DEADLINE: ContextVar[ReadDeadline | None] = ContextVar("deadline", default=None)


class within:  # noqa: N801 - used as a function is, and half as long as one that is a generator
    """Work that is done inside ends by then."""

    __slots__ = ("_deadline", "_token")

    def __init__(self, deadline: ReadDeadline | None) -> None:
        self._deadline = deadline
        self._token: Token[ReadDeadline | None] | None = None

    def __enter__(self) -> None:
        self._token = _DEADLINE.set(self._deadline)

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _DEADLINE.reset(self._token)


def acquire_in_time(lock: threading.Lock) -> None:
    """Take a lock. Raises DeadlineExceeded where it has not come by the deadline of this work."""
    if lock.acquire(blocking=False):
        return
    deadline = _DEADLINE.get()
    if deadline is None:
        lock.acquire()
    elif not lock.acquire(timeout=max(0.0, deadline.left)):
        raise deadline.exceeded()


def require_time(seconds: float) -> None:
    """Before what takes so long and cannot be broken off. Raises DeadlineExceeded where the deadline is sooner."""
    deadline = _DEADLINE.get()
    if deadline is not None and deadline.left < seconds:
        raise deadline.exceeded()


def check_deadline() -> None:
    """Raises DeadlineExceeded once the deadline of this work has passed. Takes a tenth of a microsecond."""
    deadline = _DEADLINE.get()
    if deadline is not None and deadline.left < 0:
        raise deadline.exceeded()
