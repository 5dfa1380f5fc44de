"""A secret that this process sends: read when it is needed, and again once in a while, because it may be rotated."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable

logger = logging.getLogger(__name__)

FRESH_SECONDS = 60.0


class RememberedSecret:
    """Not thread-safe, but harmless in several threads. `read` gives the present value first; never logged."""

    def __init__(self, read: Callable[[], Sequence[str]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._value: str | None = None
        self._read_at = float("-inf")

    def value(self) -> str:
        """The present value; the last one known while it cannot be read. Raises Unavailable where none ever was."""
        now = self._clock.monotonic()
        if self._value is not None and now - self._read_at < FRESH_SECONDS:
            return self._value
        try:
            values = self._read()
        except Unavailable:
            if self._value is None:
                raise
            logger.warning("a secret could not be read again; its last value is used", exc_info=True)
        else:
            if not values:
                raise Unavailable(
                    "A secret has no value.", hint="Put one, or deploy the service stack again."
                )
            self._value = values[0]
        self._read_at = now
        return self._value
