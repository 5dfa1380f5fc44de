"""What a run is to do, where it keeps things, and the process of each database."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import Child
from benchmarks.peers.registry import PEERS

CASES = ("ingest", "plain", "filters", "crowd", "memory", "first")
STEP_SECONDS_MAX = 300.0
"""Of anything that a database is asked to do, but for filling it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do. `kept` is where indexes are."""

    data: Path
    rows: int | None
    names: Sequence[str]
    cases: Sequence[str]
    rounds: int
    race_seconds: float
    kept: Path

    @property
    def cache(self) -> Path:
        """Where the questions are."""
        return self.kept / f"questions-{self.data.name}-{self.rows or 'all'}"

    def place(self, name: str) -> Path:
        """Where a peer's index is: a server serves another peer's."""
        shared = PEERS[name].shares or name
        slug = "".join(letter if letter.isalnum() else "-" for letter in shared)
        return self.kept / f"{slug}-{self.data.name}-{self.rows or 'all'}"


@contextmanager
def worker(name: str, plan: Plan, **variables: str) -> Iterator[Child]:
    """A process for one peer, as long as it is needed."""
    child = start(name, plan, variables)
    try:
        yield child
    finally:
        child.close()


def start(name: str, plan: Plan, variables: Mapping[str, str] | None = None) -> Child:
    """A process for one peer. Nothing is open yet."""
    arguments = [name, str(plan.cache), str(plan.place(name))]
    return Child(name, "benchmarks.peers.worker", arguments, variables or {}, plan.kept / "stderr.log")


def say(text: str) -> None:
    """What is going on."""
    print(text, file=sys.stderr, flush=True)
