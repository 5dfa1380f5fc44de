"""The timeline of a drill, for a person to read: what happened when, in seconds from its beginning."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO


class Timeline:
    """Thread-safe. Prints each line when it happens and keeps it."""

    def __init__(self, *, out: TextIO = sys.stdout, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._out = out
        self._monotonic = monotonic
        self._begun = monotonic()
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds from the beginning."""
        return self._monotonic() - self._begun

    def say(self, what: str) -> float:
        """Something happened now. Returns when."""
        at = self.now()
        with self._lock:
            self._out.write(f"{at:8.2f} s  {what}\n")
            self._out.flush()
        return at
