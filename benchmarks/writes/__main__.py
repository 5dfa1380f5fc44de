"""Measures the write path: `make bench-writes`, or `make bench-writes ARGS="--only indexing --records 200000"`."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import dataset
from benchmarks.filling import Floats
from benchmarks.measured_page import keep
from benchmarks.mixtures import rows_of
from benchmarks.writes import acknowledged, indexing, unindexed
from benchmarks.writes.tables import TABLES

PARTS = ("acknowledged", "unindexed", "indexing")
TAIL_ROWS = (1_000, 5_000, 10_000, 20_000, 50_000)
DEFAULT_FOLDER = dataset.BUILD / "writes"


def main() -> None:
    """Measure what was asked for and print it, each line as soon as it is known."""
    given = arguments()
    directory = given.data or dataset.make(
        dataset.default_directory(given.dimension), dimension=given.dimension
    )
    base = np.load(directory / "base.npy", mmap_mode="r")
    queries: Floats = np.load(directory / "queries.npy")
    given.folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[dict[str, Any]]] = {}
    for part, line in lines(given, base, queries):
        found.setdefault(part, []).append(line)
        print(f"{part}: {json.dumps(line)}", flush=True)
    for part, some in found.items():
        print(f"\n{TABLES[part](some)}")
        if given.write_docs:
            keep("writes", part, TABLES[part](some), command="make bench-writes")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


def lines(given: argparse.Namespace, base: Floats, queries: Floats) -> Iterator[tuple[str, dict[str, Any]]]:
    """(part, what was measured) in the order of PARTS."""
    if "acknowledged" in given.only:
        for line in acknowledged_lines(given, base):
            yield "acknowledged", asdict(line)
    if "unindexed" in given.only:
        rows = rows_of(base, max(TAIL_ROWS))
        for tail in unindexed.measure(given.folder, rows, queries[: given.searches], TAIL_ROWS):
            yield "unindexed", asdict(tail)
    if "indexing" in given.only:
        rows = rows_of(base, given.records)
        for rate in given.rates:
            yield "indexing", asdict(indexing.measure(given.folder, rows, rate or None))


def acknowledged_lines(given: argparse.Namespace, base: Floats) -> Iterator[acknowledged.Acknowledged]:
    """Medians of rounds in which the cases take turns, so that what disturbs one disturbs them all."""
    cases = [(batch, indexer) for indexer in (False, True) for batch in given.batches]
    vectors = np.array(base[: given.acknowledged_records])
    runs: dict[tuple[int, bool], list[acknowledged.Acknowledged]] = {case: [] for case in cases}
    for _ in range(given.rounds):
        for batch, indexer in cases:
            runs[batch, indexer].append(acknowledged.measure(given.folder, vectors, batch, indexer=indexer))
    for case in cases:
        several = runs[case]
        middle = {
            name: statistics.median(getattr(run, name) for run in several)
            for name in ("per_second", "cpu_per_second", "p50_ms", "p99_ms")
        }
        yield replace(several[0], **middle)


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writes", description=__doc__)
    parser.add_argument("--data", type=Path, help="a directory with base.npy and queries.npy")
    parser.add_argument("--dimension", type=int, default=384, choices=(384, 768, 1536))
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument(
        "--folder", type=Path, default=DEFAULT_FOLDER, help="where databases are made, and removed"
    )
    parser.add_argument("--batches", type=int, nargs="+", default=(100, 1_000))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--acknowledged-records", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=500)
    parser.add_argument("--records", type=int, default=200_000, help="to be indexed")
    parser.add_argument(
        "--rates", type=int, nargs="+", default=(0, 5_000), help="a second; 0: all written before"
    )
    parser.add_argument("--write-docs", action="store_true", help="keep the figures, and put them into pages")
    parser.add_argument("--json", type=Path, help="write everything there, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
