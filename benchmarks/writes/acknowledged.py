"""How fast one writer is answered: batches of upserts, each durable before the next begins."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.filling import Floats, batches, open_database
from quartzdb.maintenance.background import Background


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One run. `cpu_per_second` counts the processor's time of the whole process, so it is lower with an indexer."""

    dimension: int
    batch: int
    indexer: bool
    records: int
    per_second: float
    cpu_per_second: float
    p50_ms: float
    p99_ms: float


def measure(folder: Path, vectors: Floats, batch: int, *, indexer: bool) -> Acknowledged:
    """Write all vectors in a new database; with `indexer`, beside the background work of a server."""
    directory = folder / "acknowledged"
    shutil.rmtree(directory, ignore_errors=True)
    opened = open_database(directory, vectors.shape[1])
    background = Background(opened.database.maintenance.run_once)
    prepared = list(batches(vectors, batch))
    if indexer:
        background.start()
    waits = []
    begun, cpu_begun = time.perf_counter(), time.process_time()
    for records in prepared:
        asked = time.perf_counter()
        opened.database.records.upsert(opened.namespace, records)
        waits.append(time.perf_counter() - asked)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    if indexer and not background.stop(timeout_seconds=600):
        raise TimeoutError("The background work did not end.")
    opened.close()
    shutil.rmtree(directory)
    return Acknowledged(
        vectors.shape[1],
        batch,
        indexer,
        len(vectors),
        len(vectors) / seconds,
        len(vectors) / cpu_seconds,
        1000 * float(np.median(waits)),
        1000 * float(np.quantile(waits, 0.99)),
    )
