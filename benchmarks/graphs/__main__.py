"""Races graph and quantised indexes: `python -m benchmarks.graphs [--only "NAME;NAME…"] [--rounds 3] [--json]`.

Run by `make bench-graphs` in an environment of its own. Every library indexes the same unit vectors on one thread, is
opened again from its file, and is asked one query at a time. Of each, the fastest setting that reaches each target
recall is raced: all in turn, round by round, on one core; the median round counts.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from benchmarks.children import ROOT, Child
from benchmarks.dataset import make
from benchmarks.graphs.port import LIBRARIES

DATA = ROOT / "build" / "data" / "minilm-100k"
TARGETS = (0.95, 0.99)


class Process:
    """A worker, and what is known of its library."""

    def __init__(self, name: str, data: Path, place: Path) -> None:
        self.name = name
        self.place = place
        self.known: dict[str, Any] = {}
        self.chosen: dict[float, tuple[float, int]] = {}
        self.rounds: dict[float, list[Mapping[str, float]]] = {target: [] for target in TARGETS}
        self._child = Child(
            name, "benchmarks.graphs.worker", [name, str(data), str(place)], LIBRARIES[name].variables
        )
        self.ask = self._child.ask
        self.close = self._child.close

    def choose(self, sweep: list[Mapping[str, Any]]) -> None:
        """The fastest setting for each target."""
        for target in TARGETS:
            good = [found for found in sweep if found["recall"] >= target]
            if good:
                best = min(good, key=lambda found: found["seconds"])
                self.chosen[target] = tuple(best["setting"])
                self.known[f"recall {target}"] = round(best["recall"], 4)

    def row(self, rows: int) -> dict[str, Any]:
        """What is printed."""
        row: dict[str, Any] = {"index": self.name}
        for target in TARGETS:
            times = self.rounds[target]
            row[f"qps at {target}"] = (
                round(1 / statistics.median(t["wall"] for t in times)) if times else None
            )
            row[f"cpu {target}"] = round(1 / statistics.median(t["cpu"] for t in times)) if times else None
            search_parameter, depth = self.chosen.get(target, (None, None))
            row[f"parameter/depth {target}"] = (
                None if search_parameter is None else f"{search_parameter:g}/{depth}"
            )
        return {
            **row,
            "bytes/vector": round(self.known["file_bytes"] / rows),
            "build s": round(self.known["build_cpu_s"], 1),
            "open ms": round(self.known["open_ms"], 1),
            "opened MB": round(self.known["opened_bytes"] / 1e6),
            "same bytes": "yes" if self.known["repeats"] else "no",
            "frees lock": "yes" if self.known["shares"] else "no",
            "import ms": self.known["import_ms"],
            "installed MB": self.known["installed_mb"],
        }


def main() -> None:
    """Build, choose settings, race, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA, help="base.npy, queries.npy, gt.npy")
    parser.add_argument("--only", help="some of these, with semicolons: " + "; ".join(LIBRARIES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="keep the indexes here, and use those that are there")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not (options.data / "gt.npy").exists():
        make(options.data)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    names = [name for name in LIBRARIES if not options.only or name in options.only.split(";")]
    with tempfile.TemporaryDirectory(dir=options.data) as scratch:
        kept = options.keep or Path(scratch)
        kept.mkdir(parents=True, exist_ok=True)
        processes = [process for name in names if (process := prepared(name, options.data, kept))]
        for _ in range(options.rounds):
            for process in processes:
                for target, setting in process.chosen.items():
                    process.rounds[target].append(process.ask("race", *setting))
        count = row_count(options.data)
        rows = [process.row(count) for process in processes]
        for process in processes:
            process.close()
    print(json.dumps(rows, indent=1) if options.json else table(rows))


def prepared(name: str, data: Path, kept: Path) -> Process | None:
    """A worker with its index open and its settings chosen; None where the library does not get so far."""
    place = kept / "".join(letter if letter.isalnum() else "-" for letter in name)
    facts = place.with_name(place.name + ".json")
    process = Process(name, data, place)
    try:
        if facts.exists():
            process.known = json.loads(facts.read_text())
        else:
            shutil.rmtree(place, ignore_errors=True)
            process.known = process.ask("build")
            facts.write_text(json.dumps(process.known))
        process.known |= process.ask("open")
        process.known |= process.ask("manners")
        process.choose(process.ask("sweep")["sweep"])
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return None
    entry = LIBRARIES[name]
    process.known["import_ms"] = import_ms(entry.imports)
    process.known["installed_mb"] = round(sum(installed(package) for package in entry.packages) / 1e6)
    print(f"{name}: {json.dumps(process.known)} {process.chosen}", file=sys.stderr)
    return process


def import_ms(name: str) -> float:
    """What importing it adds to a process that has numpy; the best of five."""
    program = f"import time, numpy; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
    runs = [
        subprocess.check_output([sys.executable, "-c", program], stderr=subprocess.DEVNULL) for _ in range(5)
    ]
    return round(1000 * min(float(run.split()[-1]) for run in runs), 1)


def installed(package: str) -> int:
    """Bytes of a package's files."""
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        return 0
    return sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).exists())


def row_count(data: Path) -> int:
    """Rows in the set, read from the header of its file."""
    import numpy as np

    return len(np.load(data / "base.npy", mmap_mode="r"))


def table(rows: list[dict[str, Any]]) -> str:
    """An aligned Markdown table."""
    names = list(rows[0])
    cells = [names, ["-" * len(name) for name in names]]
    cells += [["–" if row[name] is None else str(row[name]) for name in names] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    )


if __name__ == "__main__":
    main()
