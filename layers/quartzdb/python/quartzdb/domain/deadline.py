"""The deadline of the work that this thread does: long reads look at it between steps, and stop once it has passed.

It is in the context, not in every signature from the edge down to the clause of a filter, and only whoever sets one
knows a clock. Work that is handed to another thread has to take its context along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from quartzdb.domain.errors import DeadlineExceeded


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


@contextmanager
def within(deadline: ReadDeadline | None) -> Iterator[None]:
    """Work that is done inside ends by then."""
    token = _DEADLINE.set(deadline)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def check_deadline() -> None:
    """Raises DeadlineExceeded once the deadline of this work has passed. Takes a tenth of a microsecond."""
    deadline = _DEADLINE.get()
    if deadline is not None and deadline.left < 0:
        raise deadline.exceeded()
