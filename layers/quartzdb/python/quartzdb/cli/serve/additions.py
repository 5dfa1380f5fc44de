"""What other packages add to a server: found by entry points, so that nothing of them is imported by name, and nothing
at all where none is installed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from quartzdb.wiring.embedded import Database

ADDITIONS = "quartzdb.serve"
"""Each entry point is called with the data directory, and returns an Addition."""
Application = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]],
    Awaitable[None],
]


class Addition(Protocol):
    """Of one process."""

    def take(self, line: bytes) -> None:
        """The usage line of a request that was answered. Must neither wait nor raise."""
        ...

    def write(self) -> int:
        """Keep what was taken; how many things changed. Every few seconds, and at the end. Raises QuartzError."""
        ...

    def around(self, application: Application, database: Database) -> Application:
        """The application that is served: this one, and what is added. It need not be ready to serve yet."""
        ...

    def greeting(self, url: str) -> str:
        """What to say when connections are served, in one process of all. Raises QuartzError."""
        ...


def additions(data_dir: Path) -> Sequence[Addition]:
    """Those of all packages that are installed."""
    return [point.load()(data_dir) for point in sorted(entry_points(group=ADDITIONS))]
