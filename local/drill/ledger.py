"""What clients were told: every write that was tried, and whether it was acknowledged. Judges what is there afterwards.

Each name is written by one client alone, one write after the other, so the order of its writes is known.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Name(NamedTuple):
    """A key, or the id of a record."""

    kind: str
    id: str


@dataclass(slots=True)
class _History:
    acknowledged: Any = None
    is_acknowledged: bool = False
    doubtful: list[Any] = field(default_factory=list)


class Ledger:
    """Thread-safe. A value is what a reader would find; None stands for nothing there."""

    def __init__(self) -> None:
        self._histories: dict[Name, _History] = {}
        self._lock = threading.Lock()

    def acknowledged(self, name: Name, value: Any) -> None:
        """The write was answered with success: it must be found, at both sites, unless a later one replaced it."""
        with self._lock:
            history = self._histories.setdefault(name, _History())
            history.acknowledged, history.is_acknowledged = value, True

    def doubtful(self, name: Name, value: Any) -> None:
        """The write failed or was not answered. It may have happened, or happen yet, with any version."""
        with self._lock:
            self._histories.setdefault(name, _History()).doubtful.append(value)

    def names(self) -> Iterator[Name]:
        """All that was ever written."""
        with self._lock:
            return iter(sorted(self._histories))

    def judge(self, name: Name, found: Any) -> str | None:
        """What is wrong with finding that, or None. Anything is right that some order of the writes explains."""
        with self._lock:
            history = self._histories[name]
        if found in history.doubtful:
            return None
        if not history.is_acknowledged:
            return None if found is None else "what is there was never written"
        if found == history.acknowledged:
            return None
        return "an acknowledged write is missing" if found is None else "an older or a foreign write is there"

    @property
    def counts(self) -> tuple[int, int]:
        """Names with an acknowledged write, and doubtful writes."""
        with self._lock:
            histories = self._histories.values()
            return sum(h.is_acknowledged for h in histories), sum(len(h.doubtful) for h in histories)
