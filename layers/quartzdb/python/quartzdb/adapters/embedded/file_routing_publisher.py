"""The published routing state as a file, for routers on this machine. Owns `routing/state.json` in a data directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quartzdb.adapters.embedded.durable_file import write_durably
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Unavailable
from quartzdb.routing.ports import PUBLISHED_KEY


class FileRoutingPublisher:
    """RoutingPublisher over a directory."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock

    @property
    def path(self) -> Path:
        """The file that routers read."""
        return self._directory / PUBLISHED_KEY

    def publish(self, document: bytes) -> None:
        """Replace the file in one step. Raises Unavailable."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(
                self.path,
                document,
                temporary=self.path.parent,
                root=self._directory,
                unix_ms=self._clock.unix_ms(),
            )
        except OSError as error:
            raise Unavailable(
                f"The routing state could not be published as {self.path}: {error}.",
                hint="Check that the directory is writable and has room.",
            ) from error


class SilentRoutingEvents:
    """RoutingEvents where nobody listens: audit lines say the same."""

    def emit(self, detail: Mapping[str, Any]) -> None:
        """Nothing."""
