"""The server's application for a program that has it in its own process, without a port."""

from __future__ import annotations

import atexit
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from quartzdb.cli.serve.peer import PeerOptions
from quartzdb.cli.serve.worker import WithBackground, application
from quartzdb.maintenance.background import Background
from quartzdb.services.keys import BROWSER_KEY_SECONDS, Scope

if TYPE_CHECKING:
    from quartzdb.wiring.embedded import Database

_RENEWED_AFTER_SECONDS = BROWSER_KEY_SECONDS / 2


_begun: WeakSet[Background] = WeakSet()


@atexit.register
def _wait_for_passes() -> None:
    """Where a program ends that did not close its database. The interpreter must not be torn down while data are being
    indexed: compiled code that comes back to none aborts the process. A server leaves without an end; a program cannot.
    """
    for work in list(_begun):
        work.stop(None)


class InProcess:
    """An application that begins and ends with its lifespan, and a key for it. Raises QuartzError where the directory
    cannot be opened.
    """

    def __init__(self, data_dir: Path) -> None:
        self.application: WithBackground
        self._database: Database
        for name in ("quartzdb.access", "quartzdb.audit"):
            # A line for each request is for those who run a server, not for a program that logs what it does itself;
            # one that wants them says so to the logger.
            if logging.getLogger(name).level == logging.NOTSET:
                logging.getLogger(name).setLevel(logging.WARNING)
        self.application, self._database = application(data_dir, PeerOptions())
        self.application.stop_seconds = None
        _begun.update(self.application.background)
        self._key = ""
        self._made_at = float("-inf")
        self._lock = threading.Lock()

    def key(self) -> str:
        """One that is good for minutes, for all but keys themselves. It is in no list, and leaves nothing behind."""
        with self._lock:
            now = self._database.clock.monotonic()
            if now - self._made_at > _RENEWED_AFTER_SECONDS:
                _, self._key = self._database.api_keys.create_for_browser(
                    self._database.tenant, "embedded", tuple(Scope)
                )
                self._made_at = now
            return self._key
