"""A log that counts how often it is read, and of which only a read tells whether there is more."""

from __future__ import annotations

from typing import Any


class CountedLog:
    """Everything else is the log's own."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.reads = 0

    def data_version(self) -> None:
        """Never told."""

    def read(self, *arguments: Any, **options: Any) -> Any:
        self.reads += 1
        return self._log.read(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)
