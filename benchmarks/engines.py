"""Measures the search engines: `python -m benchmarks.engines [--data DIR] [--filters] [--sizes 1000,5000] [--json]`.

Every engine is built, opened and searched through the port that segments use, and its candidates are rescored as a
query does it. hnswlib and brute force run beside them. One thread pinned to one core; contenders take turns in rounds
and the median round counts, so that what else the machine does falls on all of them alike. Without --data, a set of
real text embeddings is made (benchmarks/dataset.py).
"""

from __future__ import annotations

import os

# Before numpy and faiss read them: one thread, as a server has for each request.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import argparse
import importlib.metadata
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contenders import (
    Contender,
    Data,
    brute_force,
    build,
    calibrated,
    hnsw_sweep,
    load,
    race,
    with_sweep,
)
from benchmarks.dataset import DEFAULT_DIRECTORY, exact_answers, make
from benchmarks.masks import by_filter

ROUNDS = 5
ENGINES = ("exact", "annoy", "ivf", "hnsw")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DEFAULT_DIRECTORY, help="base.npy, queries.npy, gt.npy")
    parser.add_argument("--rows", type=int, help="only the first so many rows")
    parser.add_argument("--precision", choices=("f32", "f16"), default="f32")
    parser.add_argument("--engines", default=",".join((*ENGINES, "hnswlib")), help="which, comma-separated")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--build-threads", type=int, default=1)
    parser.add_argument("--filters", action="store_true", help="search with filters instead")
    parser.add_argument("--sizes", help="compare calibrated engines at these numbers of rows instead")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    directory = options.data if (options.data / "gt.npy").exists() else make(options.data)
    names = options.engines.split(",")
    pin()
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        data = load(directory, options.rows, options.precision, Path(scratch))
        report: dict[str, Any] = {"conditions": conditions(data, options.precision)}
        if options.sizes:
            sizes = [int(size) for size in options.sizes.split(",")]
            report["sizes"] = by_size(data, sizes, names, options.rounds, Path(scratch))
        elif options.filters:
            engines = [
                build(name, data, Path(scratch), options.build_threads) for name in names if name in ENGINES
            ]
            report["filters"] = list(by_filter(data, engines, options.rounds))
        else:
            report["engines"] = by_engine(data, names, options.rounds, Path(scratch), options.build_threads)
            report["imports_ms"] = {name: import_ms(name) for name in ("numpy", "annoy", "faiss")}
    print(json.dumps(report, indent=1) if options.json else text(report))


def by_engine(
    data: Data, names: Sequence[str], rounds: int, scratch: Path, threads: int
) -> list[dict[str, Any]]:
    """Brute force, every engine over a sweep of its parameters, and hnswlib over a sweep of its own."""
    contenders = [Contender("brute force", "one product", lambda query: brute_force(data, query))]
    for name in names:
        if name == "hnswlib":
            contenders += hnsw_sweep(data, scratch, threads)
        else:
            contenders += with_sweep(name, data, scratch, threads)
    race(contenders, data, rounds)
    return [contender.row() for contender in contenders]


def by_size(
    data: Data, sizes: Sequence[int], names: Sequence[str], rounds: int, scratch: Path
) -> list[dict[str, Any]]:
    """Calibrated engines on ever more rows: where one overtakes another."""
    rows = []
    for size in sizes:
        vectors = data.vectors[:size]
        truth = exact_answers(vectors.astype("float32"), data.queries, 100)
        part = replace(data, vectors=vectors, norms=data.norms[:size], truth=truth)
        contenders = [calibrated(name, part, scratch) for name in names if name in ENGINES]
        race(contenders, part, rounds)
        rows += [{"rows": size, **contender.row()} for contender in contenders]
    return rows


def pin() -> None:
    """Stay on one core, where the system lets us."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def import_ms(name: str) -> float:
    """What importing a package adds to a new process that has numpy already; the best of five."""
    before = "import time" if name == "numpy" else "import time, numpy"
    program = f"{before}; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
    runs = [float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(5)]
    return round(1000 * min(runs), 1)


def conditions(data: Data, precision: str) -> dict[str, Any]:
    """What the figures depend on."""
    versions = ("numpy", "faiss-cpu", "annoy", "hnswlib")
    return {
        "data": data.about.get("source"),
        "rows": len(data.vectors),
        "dimension": data.vectors.shape[1],
        "precision": precision,
        "queries": len(data.queries),
        "python": platform.python_version(),
        "machine": cpu_model(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        **{name: importlib.metadata.version(name) for name in versions},
    }


def cpu_model() -> str:
    """The processor's name, as Linux has it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def text(report: Mapping[str, Any]) -> str:
    """The report as text: a line of conditions and Markdown tables."""
    parts = [", ".join(f"{name} {value}" for name, value in report["conditions"].items())]
    parts += [table(report[name]) for name in ("engines", "sizes", "filters") if report.get(name)]
    if "imports_ms" in report:
        parts.append("import, ms: " + ", ".join(f"{name} {ms}" for name, ms in report["imports_ms"].items()))
    return "\n\n".join(parts)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as an aligned Markdown table."""
    names = list(rows[0])
    cells = [[("–" if row[name] is None else str(row[name])) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in cells)) for at, name in enumerate(names)]
    lines = [names, ["-" * width for width in widths], *cells]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


if __name__ == "__main__":
    main()
