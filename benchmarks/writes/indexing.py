"""How fast the indexer is: from the log to segments, merges included, while a writer goes on and without one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.filling import Floats, Opened, batches, open_database
from benchmarks.writes.stack_sampler import StackSampler

_BATCH = 100


@dataclass(frozen=True, slots=True)
class Indexed:
    """One run over `records`. `rate` is what the writer was held to a second, None where it wrote all beforehand.

    `amplification`: bytes of segment files put, over those that were left. `waiting_max`: the most records that were
    acknowledged and not yet in a segment. `where`: shares of the indexing thread's time.
    """

    dimension: int
    rate: int | None
    records: int
    per_second: float
    cpu_per_second: float
    kept_up: bool
    waiting_max: int
    bytes_put: int
    bytes_left: int
    amplification: float
    segments: int
    where: Mapping[str, float]


def measure(folder: Path, vectors: Floats, rate: int | None) -> Indexed:
    """Index all vectors in a new database by the passes that a server's background thread makes."""
    directory = folder / "indexing"
    shutil.rmtree(directory, ignore_errors=True)
    opened = open_database(directory, vectors.shape[1])
    written = Progress()
    writer = threading.Thread(target=write, args=(opened, vectors, rate, written), daemon=True)
    if rate is None:
        write(opened, vectors, None, written)
    begun, cpu_begun = time.perf_counter(), time.process_time()
    if rate is not None:
        writer.start()
    waiting_max = 0
    with StackSampler() as sampler:
        while True:
            done = written.done
            waiting_max = max(waiting_max, written.count - indexed_rows(opened))
            if not opened.database.maintenance.run_once():
                if done and not opened.database.indexer.fold(opened.namespace).entries:
                    break
                time.sleep(0.05)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu_begun
    pointer = opened.database.store.pointer(opened.namespace.partition)
    if pointer is None:
        raise RuntimeError("Nothing was published.")
    segments = opened.database.store.manifest(pointer.current).segments
    left = sum(segment.bytes for segment in segments)
    rows = sum(segment.live_rows for segment in segments)
    if rows != len(vectors):
        raise RuntimeError(f"{rows:,} of {len(vectors):,} records are in segments.")
    opened.close()
    shutil.rmtree(directory)
    return Indexed(
        vectors.shape[1],
        rate,
        len(vectors),
        len(vectors) / seconds,
        len(vectors) / cpu_seconds,
        # Folds come in lots; behind by less than a few seconds' worth is keeping up.
        rate is not None and waiting_max < 10 * rate,
        waiting_max,
        opened.blobs.bytes_put,
        left,
        opened.blobs.bytes_put / left,
        len(segments),
        sampler.shares(),
    )


@dataclass(slots=True)
class Progress:
    """What a writer has had acknowledged."""

    count: int = 0
    done: bool = False


def write(opened: Opened, vectors: Floats, rate: int | None, progress: Progress) -> None:
    """Upsert all of it, no faster than `rate` records a second."""
    begun = time.perf_counter()
    for records in batches(vectors, _BATCH):
        opened.database.records.upsert(opened.namespace, records)
        progress.count += len(records)
        if rate is not None:
            ahead = progress.count / rate - (time.perf_counter() - begun)
            if ahead > 0:
                time.sleep(ahead)
    progress.done = True


def indexed_rows(opened: Opened) -> int:
    """Live rows of the published segments."""
    pointer = opened.database.store.pointer(opened.namespace.partition)
    if pointer is None:
        return 0
    return sum(one.live_rows for one in opened.database.store.manifest(pointer.current).segments)
