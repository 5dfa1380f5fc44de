"""One library in a process of its own, told by lines of JSON what to do: `python -m benchmarks.graphs.worker NAME …`.

A process each, because these libraries bring their own OpenMP and BLAS, and two of them do not always agree.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.children import answers_apart, serve
from benchmarks.graphs.port import LIBRARIES, Floats, Library, Rows, Setting

TOP_K = 10
SWEEP_QUERIES = 300
REPEATED_ROWS = 3000
SHARED_TICKS_PER_SECOND = 500
"""A thread that sleeps 0.2 ms at a time does some 3,000 of these a second if it is let."""


class Worker:
    """Answers the driver's requests."""

    def __init__(self, library: Library, data: Path, place: Path) -> None:
        self._library = library
        self._place = place
        self._rows: Floats = np.load(data / "base.npy", mmap_mode="r")
        self._queries: Floats = np.load(data / "queries.npy")
        self._truth = np.load(data / "gt.npy")[:, :TOP_K]

    def build(self) -> dict[str, Any]:
        """Build and write."""
        # A plain copy: some bindings give up on memory that cannot be written to.
        rows = np.array(self._rows)
        wall, cpu = time.perf_counter(), time.process_time()
        self._library.build(rows, self._place)
        return {"build_s": time.perf_counter() - wall, "build_cpu_s": time.process_time() - cpu}

    def open(self) -> dict[str, Any]:
        """Open what was built."""
        before, started = _resident(), time.perf_counter()
        self._library.open(self._place, self._rows.shape)
        self._rows = np.asarray(self._rows)
        took = time.perf_counter() - started
        # Pages of a mapped file count from when they are touched.
        return {
            "open_ms": 1000 * took,
            "opened_bytes": _resident() - before,
            "file_bytes": sum(file.stat().st_size for file in _files(self._place)),
        }

    def sweep(self) -> dict[str, Any]:
        """Recall of every setting over all queries, and a first impression of its speed."""
        found = []
        for setting in self._library.settings:
            started = time.thread_time()
            answers = [self._answer(query, setting) for query in self._queries[:SWEEP_QUERIES]]
            took = (time.thread_time() - started) / SWEEP_QUERIES
            answers += [self._answer(query, setting) for query in self._queries[SWEEP_QUERIES:]]
            hits = sum(np.intersect1d(a, t).size for a, t in zip(answers, self._truth, strict=True))
            recall = hits / self._truth.size
            found.append(
                {"setting": [setting.search_parameter, setting.depth], "recall": recall, "seconds": took}
            )
        return {"sweep": found}

    def race(self, search_parameter: float, depth: int) -> dict[str, Any]:
        """Seconds per query of one setting, by the clock and on the core."""
        setting = Setting(search_parameter, depth)
        wall, cpu = time.perf_counter(), time.thread_time()
        for query in self._queries:
            self._answer(query, setting)
        count = len(self._queries)
        return {"wall": (time.perf_counter() - wall) / count, "cpu": (time.thread_time() - cpu) / count}

    def manners(self) -> dict[str, Any]:
        """Whether two builds give the same bytes, and whether other threads run while a search does."""
        rows, digests = np.array(self._rows[:REPEATED_ROWS]), []
        with tempfile.TemporaryDirectory() as scratch:
            for name in ("first", "second"):
                place = Path(scratch) / name
                self._library.build(rows, place)
                digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in _files(place)])
        return {"repeats": digests[0] == digests[1], "shares": self._shares()}

    def _shares(self) -> bool:
        """Whether a thread that only counts gets on while another searches.

        Where a search keeps the interpreter's lock, the count stands still for as long, also on one core.
        """
        counts = [0]
        done = threading.Event()

        def count() -> None:
            while not done.is_set():
                counts[0] += 1
                time.sleep(0.0002)

        deepest = self._library.settings[-1]
        beside = threading.Thread(target=count)
        beside.start()
        during, spent = 0, 0.0
        for query in self._queries[:SWEEP_QUERIES]:
            before, started = counts[0], time.perf_counter()
            self._library.search(query, deepest)
            spent += time.perf_counter() - started
            during += counts[0] - before
        done.set()
        beside.join()
        return during > SHARED_TICKS_PER_SECOND * spent

    def _answer(self, query: Floats, setting: Setting) -> Rows:
        rows = self._library.search(query, setting)
        if not self._library.rescored:
            return rows
        if rows.size and rows.min() < 0:
            rows = rows[rows >= 0]
        scores = self._rows.take(rows, axis=0) @ query
        return rows[np.argsort(-scores)[:TOP_K]]


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Serve requests until there are no more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=LIBRARIES)
    parser.add_argument("data", type=Path)
    parser.add_argument("place", type=Path)
    options = parser.parse_args()
    answers = answers_apart()
    serve(Worker(LIBRARIES[options.name].make(), options.data, options.place), answers)


if __name__ == "__main__":
    main()
