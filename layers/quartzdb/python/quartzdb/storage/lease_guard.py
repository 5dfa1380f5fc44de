"""Holding a lease for as long as a piece of work lasts, however long, and hardly longer when its process is killed."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError, Unavailable
from quartzdb.storage.ports import Leases

logger = logging.getLogger(__name__)

LEASE_MS = 15_000
"""How long the lease runs on when its process is killed: nobody else takes it up before."""
RENEW_SECONDS = 3.0


class LeaseGuard:
    """A context manager. `held` is whether this owner has the work; else another one is at it.

    A lease is an optimisation, so one that could not be renewed is no reason to stop the work.
    """

    def __init__(
        self, leases: Leases, name: str, owner: str, clock: Clock, *, renew_seconds: float = RENEW_SECONDS
    ) -> None:
        self._leases = leases
        self._name = name
        self._owner = owner
        self._clock = clock
        self._renew_seconds = renew_seconds
        self._done = threading.Event()
        self._renewal: threading.Thread | None = None
        self.held = False

    def __enter__(self) -> Self:
        self.held = self._acquire()
        if self.held:
            self._renewal = threading.Thread(target=self._renew, name="quartzdb-lease", daemon=True)
            self._renewal.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._renewal is not None:
            self._done.set()
            # First, or a renewal under way would take back what is given up here.
            self._renewal.join()
            self._leases.release(self._name, self._owner)

    def _acquire(self) -> bool:
        return self._leases.acquire(self._name, self._owner, self._clock.unix_ms(), LEASE_MS)

    def _renew(self) -> None:
        while not self._done.wait(self._renew_seconds):
            try:
                self._acquire()
            except QuartzError as error:
                # Storage that is full or away is no mistake in the code.
                traced = None if isinstance(error, Unavailable) else error
                logger.warning("the lease %s could not be renewed: %s", self._name, error, exc_info=traced)
