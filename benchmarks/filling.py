"""An embedded database for benchmarks of writing: records as a user would have them, and what its indexer writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from quartzdb.adapters.embedded.build_workspace import BuildWorkspace
from quartzdb.adapters.embedded.filesystem_blobs import FilesystemBlobs
from quartzdb.adapters.system_clock import SystemClock
from quartzdb.domain.clock import Clock
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Precision
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters

TENANT = "default"
NAMESPACE = "bench"
_SHARE_STEP = 2_654_435_761
"""Knuth's multiplier: spreads consecutive numbers evenly, so that a share of records is of no particular time."""

Floats = npt.NDArray[np.float32]


class CountedBlobs(FilesystemBlobs):
    """Blobs as files, and how many bytes of them were ever put."""

    def __init__(self, root: Path, clock: Clock) -> None:
        super().__init__(root, clock)
        self.bytes_put = 0

    def put(self, key: str, data: bytes | Path) -> None:
        """As FilesystemBlobs."""
        super().put(key, data)
        self.bytes_put += len(data) if isinstance(data, bytes) else data.stat().st_size


@dataclass(slots=True)
class Opened:
    """A database with one namespace; `close` before its directory goes."""

    database: Database
    namespace: Namespace
    blobs: CountedBlobs
    _workspace: BuildWorkspace = field(repr=False)

    def close(self) -> None:
        """Let go of what builds in progress use."""
        self._workspace.release()


def open_database(
    directory: Path,
    dimension: int,
    *,
    engine: EngineChoice = EngineChoice.AUTO,
    precision: Precision = Precision.F32,
    threads: int = 1,
) -> Opened:
    """The embedded database of a directory, as `open_embedded` wires it, but that what it puts is counted."""
    clock = SystemClock()
    adapters = embedded_adapters(EmbeddedSettings(directory), clock)
    blobs = CountedBlobs(directory / "segments", clock)
    adapters = type(adapters)(
        **{name: getattr(adapters, name) for name in adapters.__slots__ if name != "blobs"}, blobs=blobs
    )
    workspace = BuildWorkspace(directory / "building", "bench")
    database = assemble(adapters, writer="bench", workspace=workspace.directory, index_threads=threads)
    namespace = database.catalog.get(TENANT, NAMESPACE)
    if namespace is None:
        settings = NamespaceSettings(dimension, engine=engine, precision=precision)
        namespace, _ = database.namespaces.create(TENANT, NAMESPACE, settings)
    return Opened(database, namespace, blobs, workspace)


Number = TypeVar("Number", int, npt.NDArray[np.int64])


def share_of(number: Number) -> Number:
    """0 to 99: the `share` of the record of that number, or of each of those."""
    return (number * _SHARE_STEP >> 16) % 100


def record(number: int, vector: Floats) -> NewRecord:
    """A record with what such have: a title, a year, and `share`, 0 to 99, by which filters of any selectivity go."""
    metadata = {
        "title": f"The title of record {number}",
        "year": 1900 + number % 120,
        "share": share_of(number),
    }
    return NewRecord(f"record-{number:08d}", vector, metadata)


def batches(vectors: Floats, size: int, first: int = 0) -> Iterator[list[NewRecord]]:
    """Records of all vectors, `size` at a time, numbered from `first`."""
    for start in range(0, len(vectors), size):
        rows = np.array(vectors[start : start + size])
        yield [record(first + start + number, row) for number, row in enumerate(rows)]
