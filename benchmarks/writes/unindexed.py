"""How fast records are found that no indexer has seen: the tail, which every search goes through."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.filling import Floats, batches, open_database
from quartzdb.services.search import QueryRequest

_WRITTEN_BETWEEN = 10
"""Searches after which one more record is written, as a live namespace always has new ones."""


@dataclass(frozen=True, slots=True)
class Unindexed:
    """Strongly consistent searches for ten over so many records in the log, and no segment."""

    dimension: int
    rows: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float


def measure(folder: Path, vectors: Floats, queries: Floats, sizes: Sequence[int]) -> Iterator[Unindexed]:
    """One database that grows through `sizes`, ascending; nothing is folded."""
    directory = folder / "unindexed"
    shutil.rmtree(directory, ignore_errors=True)
    opened = open_database(directory, vectors.shape[1])
    search, upsert = opened.database.search.query, opened.database.records.upsert
    written = 0
    for size in sizes:
        for records in batches(vectors[written:size], 1_000, written):
            upsert(opened.namespace, records)
        written = size
        for query in queries[:20]:
            search(opened.namespace, QueryRequest(query))
        waits = []
        cpu = 0.0
        for number, query in enumerate(queries):
            if number % _WRITTEN_BETWEEN == 0:
                upsert(opened.namespace, next(batches(vectors[:1], 1, first=number)))
            begun, cpu_begun = time.perf_counter(), time.process_time()
            search(opened.namespace, QueryRequest(query))
            waits.append(time.perf_counter() - begun)
            cpu += time.process_time() - cpu_begun
        yield Unindexed(
            vectors.shape[1],
            size,
            1000 * float(np.median(waits)),
            1000 * float(np.quantile(waits, 0.99)),
            1000 * cpu / len(queries),
        )
    opened.close()
    shutil.rmtree(directory)
