"""An embedded database on a directory, with a clock that tests move."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.manual_clock import ManualClock


@dataclass
class Embedded:
    """One directory; `open` is a new process on it."""

    directory: Path
    clock: ManualClock
    opened: int = 0
    changes_kept_ms: int = 0

    def open(self) -> Database:
        """A fresh process: nothing in memory but what it reads."""
        self.opened += 1
        adapters = embedded_adapters(EmbeddedSettings(self.directory), self.clock)
        workspace = self.directory / "building" / str(self.opened)
        return assemble(
            adapters,
            writer=f"local.{self.opened}",
            workspace=workspace,
            changes_kept_ms=self.changes_kept_ms,
        )


def embedded(directory: Path) -> Embedded:
    """A database directory that does not exist yet."""
    return Embedded(directory, ManualClock())


def fill(
    database: Database,
    clock: ManualClock,
    rows: int,
    *,
    dimension: int = 8,
    engine: EngineChoice = EngineChoice.AUTO,
) -> Namespace:
    """A namespace "n" with records r0 … folded into one segment."""
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(dimension, engine=engine))
    write(database, namespace, range(rows))
    fold(database, clock, namespace)
    return namespace


def write(database: Database, namespace: Namespace, numbers: range) -> None:
    """Records by number; each vector is a function of its number."""
    dimension = namespace.settings.dimension
    assert dimension is not None
    for start in range(numbers.start, numbers.stop, 1000):
        database.records.upsert(
            namespace,
            [
                NewRecord(f"r{number}", vector_of(number, dimension), {"n": number, "even": number % 2 == 0})
                for number in range(start, min(start + 1000, numbers.stop))
            ],
        )


def fold(database: Database, clock: ManualClock, namespace: Namespace) -> None:
    """Let the overlap pass, and fold."""
    clock.seconds += 5
    assert database.indexer.fold(namespace).published
    database.readers.of(namespace).reload()


def vector_of(number: int, dimension: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """The vector of record r<number>."""
    return np.random.default_rng(number).standard_normal(dimension).astype(np.float32)
