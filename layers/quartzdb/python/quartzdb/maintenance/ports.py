"""What maintenance by functions that keep nothing in memory needs, as Protocols.

Errors: an adapter raises `Unavailable` when it could not find out or could not do it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from quartzdb.domain.namespace import Partition
from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class PendingWork:
    """A generation with something left to do. `since_ms`: unix time of what has waited longest when it was noted.

    `token` is another one each time it is noted.
    """

    partition: Partition
    since_ms: int
    token: str


class PendingWorkList(Protocol):
    """Where functions that keep nothing in memory leave word for the next run, so that it looks only where it must."""

    def note(self, partition: Partition, since_ms: int) -> None:
        """There is something to do; replaces what was noted of this partition before."""
        ...

    def all_pending(self) -> Sequence[PendingWork]:
        """All that is noted, in any order, strongly consistent."""
        ...

    def settle(self, one: PendingWork) -> bool:
        """Forget it, unless it was noted again since `one` was read. Whether it is forgotten."""
        ...


class MergeRuns(Protocol):
    """A workflow engine that carries out merges too large for one run."""

    def start(self, name: str, document: Mapping[str, Any]) -> None:
        """Start a run with this input. Starting one of the same name again, running or ended, changes nothing."""
        ...
