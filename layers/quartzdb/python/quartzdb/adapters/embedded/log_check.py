"""The look at a log when a server starts: at once where the file is small, beside the first requests where it is large.

Until it is done, and for ever if something is wrong, health says that storage fails: so a start takes no longer than a
second or so however much is in the log, and whoever goes by health asks only what was looked at.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from quartzdb.adapters.embedded.sqlite_integrity import require_whole_log
from quartzdb.domain.errors import QuartzError, Unavailable

logger = logging.getLogger(__name__)

AT_ONCE_BYTES_MAX = 64 * 1024 * 1024
"""What a disk reads in a second, however busy it is."""


class LogCheck:
    """One for each start."""

    def __init__(self, log: Path, *, at_once_bytes_max: int = AT_ONCE_BYTES_MAX) -> None:
        """Look at the log, or begin to. Raises Corrupted where it is small and damaged."""
        self._log = log
        self._found: QuartzError | None = None
        self._thread: threading.Thread | None = None
        if not log.is_file() or log.stat().st_size <= at_once_bytes_max:
            require_whole_log(log)
            return
        # A daemon: a server that is told to stop does not wait for it.
        self._thread = threading.Thread(target=self._look, name="quartzdb-log-check", daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Raises Unavailable while it is being looked at, and what was found."""
        if self._thread is not None and self._thread.is_alive():
            raise Unavailable(f"{self._log.name} is still being checked.", hint="Ask again in some seconds.")
        if self._found is not None:
            raise self._found

    def wait(self) -> None:
        """Until it is done."""
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        try:
            require_whole_log(self._log)
        except QuartzError as error:
            logger.error("%s %s", error.message, error.hint)
            self._found = error
        except Exception as error:  # whatever it is, nobody may take the log to be whole
            logger.exception("%s could not be checked", self._log.name)
            self._found = Unavailable(
                f"{self._log.name} could not be checked: {error}.", hint="Run `quartzdb verify`."
            )
