"""Measures the floor of recall under filters: `python -m benchmarks.recall [--rows N] [--dimension D]`.

Filters match 50 % to 0.01 % of the rows: by chance, those nearest to one row, those furthest from each query; and all
rows, which is to search without one. What few rows match is scored whole, as the planner has it; more goes to the
engine as calibrated. Prints the recall@10 of each case, and ends with an error where one is below the floor, or without
a filter below what is usual. Without the set of this size, it is made
(benchmarks/dataset.py). `--write-docs` keeps the table in docs/benchmarks/recall.json, and brings pages to it.
"""

from __future__ import annotations

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import dataset
from benchmarks.contenders import TOP_K, BuiltEngine, Data, build, found_by, load, rescored
from benchmarks.engines import conditions
from benchmarks.masks import KINDS, Groups, mask_for, truth_among
from benchmarks.measured_page import keep, table
from quartzdb.domain.recall import usual_recall
from quartzdb.domain.vector import Mask, Rows, Vector
from quartzdb.storage.index.engines.port import Index
from quartzdb.storage.index.fields.selections import LISTED_MAX

FLOOR = 0.98
SHARES = (1.0, 0.5, 0.1, 0.01, 0.001, 0.0001)
ENGINES = ("ivf", "hnsw")
QUERIES = 100


def main() -> None:
    """Build, ask, print; exit status 1 where the floor is not held."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, help="base.npy, queries.npy, about.json")
    parser.add_argument("--rows", type=int, default=dataset.ROWS)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--precision", choices=("f32", "f16"), default="f32")
    parser.add_argument("--engines", default=",".join(ENGINES), help="which, comma-separated")
    parser.add_argument("--build-threads", type=int, default=1)
    parser.add_argument("--write-docs", action="store_true", help="keep the table, and bring pages to it")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    directory = options.data or _made(options.rows, options.dimension)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        data = load(directory, options.rows, options.precision, Path(scratch))
        data = replace(data, queries=data.queries[:QUERIES])
        engines = [
            build(name, data, Path(scratch), options.build_threads) for name in options.engines.split(",")
        ]
        cases = list(measured(data, engines))
    if options.write_docs:
        name = f"{options.rows // 1000}k-{options.dimension}"
        keep("recall", name, lowest_table(cases), command="make bench-recall")
    report = {"conditions": conditions(data, options.precision), "cases": cases}
    print(json.dumps(report, indent=1) if options.json else lowest_table(cases))
    low = [case for case in cases if case["lowest"] < (FLOOR if case["share"] < 1 else usual_recall(TOP_K))]
    if low:
        sys.exit("Below the floor: " + "; ".join(f"{case['filter']} {case['share']:.2%}" for case in low))


def measured(data: Data, engines: Sequence[BuiltEngine]) -> Iterator[dict[str, Any]]:
    """Each kind of filter and share, with the recall of each engine and the lowest."""
    groups = Groups.of(data)
    opened = [(engine, engine.opened()) for engine in engines]
    for kind in KINDS:
        for share in SHARES:
            masks = [mask_for(kind, share, data, groups, query) for query in data.queries]
            truth = truth_among(data, masks)
            recalls = {
                engine.name: _recall(engine, index, data.queries, masks, truth) for engine, index in opened
            }
            matches = int(np.median([np.count_nonzero(mask) for mask in masks]))
            yield {
                "filter": kind,
                "share": share,
                "matches": matches,
                **{name: round(recall, 4) for name, recall in recalls.items()},
                "lowest": round(min(recalls.values()), 4),
            }


def lowest_table(cases: Sequence[Mapping[str, Any]]) -> str:
    """The lowest recall of all engines, by kind of filter and share."""
    rows = []
    for kind in KINDS:
        lowest = {case["share"]: case["lowest"] for case in cases if case["filter"] == kind}
        rows.append([kind, *(f"{lowest[share]:.3f}" for share in SHARES)])
    return table(["Filter", *(f"{share * 100:g} %" for share in SHARES)], rows)


def _recall(
    engine: BuiltEngine, index: Index, queries: Iterable[Vector], masks: Sequence[Mask], truth: Iterable[Rows]
) -> float:
    found = wanted = 0
    for query, mask, nearest in zip(queries, masks, truth, strict=True):
        true = nearest[nearest >= 0]
        found += len(np.intersect1d(_answer(engine, index, query, mask), true))
        wanted += len(true)
    return found / wanted


def _answer(engine: BuiltEngine, index: Index, query: Vector, mask: Mask) -> Rows:
    """What a query answers: as the planner does, a few rows are scored and more are left to the engine."""
    allowed = mask[engine.order]
    rows = np.flatnonzero(allowed)
    if len(rows) > max(LISTED_MAX, TOP_K):
        return engine.order[
            found_by(index, engine.ordered, query, None if len(rows) == len(allowed) else allowed)
        ]
    told = index.exactly(query, TOP_K, rows)
    return engine.order[rescored(engine.ordered, rows, query) if told is None else told.rows[:TOP_K]]


def _made(rows: int, dimension: int) -> Path:
    if rows > dataset.ROWS:
        return dataset.large(rows, dimension)
    directory = dataset.default_directory(dimension)
    return dataset.make(directory, dimension=dimension)


if __name__ == "__main__":
    main()
