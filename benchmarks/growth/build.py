"""One process that writes all records through the service, beside a server's background work, until all is at rest.

Prints what it took as JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.filling import Floats, Opened, batches, open_database
from benchmarks.growth.case import Step, parse_step
from benchmarks.growth.memory import AnonymousPeak, hold_to, memory
from quartzdb.maintenance.background import Background
from quartzdb.maintenance.merge_policy import idle
from quartzdb.storage.index.segments.segment_files import (
    DATA_FILES,
    NORMS_FILE,
    RECORDS_FILE,
    ROWS_FILE,
    VECTORS_FILE,
)
from quartzdb.storage.snapshot.manifest import SegmentRef


def main() -> None:
    """Build, and say what that took."""
    step = parse_step(__doc__)
    hold_to(step.memory_gb)
    with AnonymousPeak() as peak:
        built = build(step)
    print(json.dumps({**built, "peak_anonymous_bytes": peak.bytes}))


def build(step: Step) -> dict[str, Any]:
    """Three times, in seconds from the first write: all acknowledged, all in segments, all merged that will be."""
    case = step.case
    opened = open_database(step.directory, case.dimension, engine=case.engine, precision=case.precision)
    background = Background(opened.database.maintenance.run_once)
    begun, cpu_begun = time.perf_counter(), time.process_time()
    background.start()
    for first, rows in blocks(step.data / "base.npy", case.rows, step.batch):
        for records in batches(rows, step.batch, first):
            opened.database.records.upsert(opened.namespace, records)
    acknowledged = time.perf_counter() - begun
    fold_all(opened, background)
    indexed = time.perf_counter() - begun
    while opened.database.indexer.compact(opened.namespace, idle).merged_segments:
        pass
    rested, cpu = time.perf_counter() - begun, time.process_time() - cpu_begun
    segments = published(opened)
    live = sum(segment.live_rows for segment in segments)
    if live != case.rows:
        raise RuntimeError(f"{live:,} of {case.rows:,} records are in segments.")
    opened.close()
    return {
        "acknowledged_seconds": acknowledged,
        "indexed_seconds": indexed,
        "rest_seconds": rested,
        "cpu_seconds": cpu,
        "segments": len(segments),
        "engines": sorted({segment.shape.engine for segment in segments}),
        "segment_bytes": bytes_by_part(segments),
        "bytes_put": opened.blobs.bytes_put,
        "disk_bytes": sum(path.stat().st_size for path in step.directory.rglob("*") if path.is_file()),
        "log_bytes": sum(path.stat().st_size for path in step.directory.glob("log.db*")),
        "peak_bytes": memory().peak_bytes,
    }


def blocks(path: Path, rows: int, size: int) -> Iterator[tuple[int, Floats]]:
    """(number of the first, rows) of a matrix in a file, read and not mapped: pages of it would count as memory."""
    matrix = np.load(path, mmap_mode="r")
    offset, dimension = matrix.offset, matrix.shape[1]
    del matrix
    with path.open("rb") as file:
        file.seek(offset)
        for first in range(0, rows, size):
            count = min(size, rows - first) * dimension
            yield first, np.fromfile(file, np.float32, count).reshape(-1, dimension)


def fold_all(opened: Opened, background: Background) -> None:
    """End the background work with its present pass, and fold what that leaves waiting for more to come."""
    if not background.stop(timeout_seconds=7_200):
        raise TimeoutError("The background work did not end.")
    if background.failure:
        raise RuntimeError(background.failure)
    while opened.database.indexer.fold(opened.namespace).entries:
        pass


def published(opened: Opened) -> tuple[SegmentRef, ...]:
    """The live segments."""
    pointer = opened.database.store.pointer(opened.namespace.partition)
    return tuple(opened.database.store.manifest(pointer.current).segments) if pointer else ()


def bytes_by_part(segments: tuple[SegmentRef, ...]) -> dict[str, int]:
    """Bytes of segment files: full vectors, records with their index of fields, what a cold reader begins with, and
    what the engine keeps.
    """
    parts = dict.fromkeys(("vectors", "records", "opening", "index"), 0)
    for segment in segments:
        for name, ref in segment.files.items():
            parts[part_of(name)] += ref.size
    return parts


def part_of(file: str) -> str:
    """Which part a segment's file is; what is not known here is the engine's."""
    if file in (VECTORS_FILE, NORMS_FILE):
        return "vectors"
    if file in (RECORDS_FILE, ROWS_FILE):
        return "records"
    return "opening" if file in DATA_FILES else "index"


if __name__ == "__main__":
    main()
