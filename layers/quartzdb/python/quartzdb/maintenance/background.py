"""A thread that does background work over and over: at once while there is work, now and then while there is none.

Owns when the work runs, never what it is. A failure is logged with its traceback and tried again, ever more rarely.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from quartzdb.domain.errors import Unavailable

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.5
IDLE_SHARE = 0.1
"""Of the time, maintenance that finds nothing to do takes at most this: many namespaces are looked at less often.
HAZARD: not for work that waits for somebody else. A round of replication that waited 30 s for an answer would rest for
minutes after it.
"""
FAILING_SECONDS_MAX = 30.0
"""The longest pause after failures in a row, each of which doubles it."""


class Background:
    """`work` does one pass and says whether there was anything to do. Only this thread ever calls it. Of the time,
    passes that find nothing take `idle_share` at most.
    """

    def __init__(
        self,
        work: Callable[[], bool],
        *,
        idle_seconds: float = IDLE_SECONDS,
        idle_share: float = 1.0,
        failing_seconds_max: float = FAILING_SECONDS_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work = work
        self._idle_seconds = idle_seconds
        self._idle_share = idle_share
        self._failing_seconds_max = failing_seconds_max
        self._monotonic = monotonic
        self._stopping = threading.Event()
        # A daemon, because a pass may last minutes: nothing is lost when it is cut short.
        self._thread = threading.Thread(target=self._run, name="quartzdb-background", daemon=True)
        self._failure: str | None = None

    @property
    def failure(self) -> str | None:
        """What went wrong in the last pass, if anything did."""
        return self._failure

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_seconds: float | None) -> bool:
        """Begin no further pass and wait for the present one, None: as long as it takes. Whether it ended in time."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            try:
                begun = self._monotonic()
                busy = self._work()
                took = self._monotonic() - begun
                pause = 0.0 if busy else max(self._idle_seconds, took * (1 / self._idle_share - 1))
                self._failure = None
            except Exception as error:
                self._failure = f"{type(error).__name__}: {error}"
                # Storage that is full or away is no mistake in the code.
                traced = None if isinstance(error, Unavailable) else error
                logger.error(
                    "a pass of background work failed; the next is tried all the same: %s",
                    error,
                    exc_info=traced,
                )
                pause = min(self._failing_seconds_max, max(self._idle_seconds, 2 * pause))
