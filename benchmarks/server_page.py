"""Measures all that docs/benchmarks-server.md has of a server, and puts it into docs/benchmarks/server.json.

`python -m benchmarks.server_page --conditions "two cores of …, nothing else running"`, with nothing else running, takes
ten minutes, and brings the page to it. `--tables` measures only some of the tables.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.measured_page import table as written
from benchmarks.served_set import load
from benchmarks.server import DEFAULT_DATA, FORMS, Asked, Report, measure, table
from docsite import figures, results

SHORT, ONE, TWO, BARS, LOADED = "short-searches", "one-process", "two-processes", "bars", "loaded"
CONDITIONS = "conditions"
USUAL: tuple[tuple[str, float | None], ...] = (("hnsw", 0.9), ("hnsw", 0.95), ("ivf", None))
"""Engines, and the recall that is asked for; None for what is usual."""
COMMAND = "python -m benchmarks.server_page"
_RECALL_MIN = 0.95
_P99_MS_MAX = 20
_SEARCHES_MIN = {1: 3_000, 2: 6_000}


def main() -> None:
    """Measure, and put the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--duration", type=float, default=10, help="seconds per scenario")
    parser.add_argument(
        "--repeat", type=int, default=3, help="short searches: the middle one of so many runs"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep filled data directories here")
    parser.add_argument("--tables", nargs="*", choices=[SHORT, ONE, TWO], default=[SHORT, ONE, TWO])
    parser.add_argument("--conditions", required=True, help="the machine, and what else was running")
    given = parser.parse_args()
    dataset = load(given.data)
    began = {"load when it began": f"{os.getloadavg()[0]:.1f}"}
    with tempfile.TemporaryDirectory(prefix="quartzdb-bench-") as folder:
        keep = given.keep or Path(folder)

        def measured(asked: Asked) -> Report:
            return measure(dataset, keep, replace(asked, seconds=given.duration))

        tables = page_tables(measured, given.tables, given.repeat)
    said = {
        "measured": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{given.conditions}; Python {platform.python_version()}, {os.cpu_count()} cores",
        **began,
        "load when it was over": f"{os.getloadavg()[0]:.1f}",
        "vectors": f"{len(dataset.base):,} × {dataset.base.shape[1]}, {dataset.name}",
        "seconds": f"{given.duration:g} a scenario; of short searches the middle one of {given.repeat} runs",
    }
    tables[CONDITIONS] = written(["", ""], [[name, value] for name, value in said.items()])
    results.put(
        "server",
        {name: results.parsed(text) for name, text in tables.items()},
        measured=said["measured"],
        command=COMMAND,
        conditions=". ".join(f"{name.capitalize()}: {value}" for name, value in said.items()),
    )
    figures.main()


def page_tables(measured: Callable[[Asked], Report], wanted: Sequence[str], repeat: int) -> dict[str, str]:
    """The tables that are wanted, by name, as Markdown."""
    tables: dict[str, str] = {}
    if SHORT in wanted:
        short = [
            _middle(
                [measured(Asked(engine, workers, recall, form, scenarios=("search",))) for _ in range(repeat)]
            )
            for workers in _SEARCHES_MIN
            for engine, recall in USUAL
            for form in FORMS
        ]
        tables |= {SHORT: _short(short), BARS: _bars(short)}
    whole = {
        name: measured(Asked(workers=workers)) for name, workers in ((ONE, 1), (TWO, 2)) if name in wanted
    }
    tables |= {name: table(report.rows) for name, report in whole.items()}
    if whole:
        tables[LOADED] = _loaded(whole)
    return tables


def _middle(reports: Sequence[Report]) -> Report:
    """The one whose rate is the median."""
    rate = statistics.median_low(report.rows[0].requests_per_second for report in reports)
    return next(report for report in reports if report.rows[0].requests_per_second == rate)


def _short(reports: Sequence[Report]) -> str:
    head = "processes|engine|recall asked for|recall@10|vectors|searches/s|p50 ms|p95 ms|p99 ms"
    rows = []
    for report in reports:
        (row,), asked = report.rows, report.asked
        times = [f"{row.p50_ms:.1f}", f"{row.p95_ms:.1f}", f"{row.p99_ms:.1f}"]
        rate, found = f"{row.requests_per_second:,.0f}", _share(report.recall_at_10)
        rows.append([str(asked.workers), asked.engine, _wanted(asked), found, asked.vectors, rate, *times])
    return written(head.split("|"), rows)


def _bars(reports: Sequence[Report]) -> str:
    """The fastest that finds enough, beside what it shall be."""
    rows = []
    for workers, least in _SEARCHES_MIN.items():
        enough = [
            report
            for report in reports
            if report.asked.workers == workers and report.recall_at_10 >= _RECALL_MIN
        ]
        best = max(enough, key=lambda report: report.rows[0].requests_per_second)
        (row,), asked = best.rows, best.asked
        met = row.requests_per_second >= least and row.p99_ms < _P99_MS_MAX
        processes = "one process" if workers == 1 else f"{workers} processes"
        rows.append(
            [
                f"{processes}: {least:,} searches/s at recall@10 ≥ {_share(_RECALL_MIN)}, p99 < {_P99_MS_MAX} ms",
                f"{row.requests_per_second:,.0f} at {_share(best.recall_at_10)}, p99 {row.p99_ms:.1f} ms",
                f"{asked.engine}, {asked.vectors}, recall {_wanted(asked)}",
                "met" if met else "missed",
            ]
        )
    return written(["bar, on two cores", "measured", "with", ""], rows)


def _loaded(whole: Mapping[str, Report]) -> str:
    head = "processes|engine|import, vectors/s|fold and compact, s|bytes a vector|recall@10|one client alone, p50 ms"
    rows = []
    for report in whole.values():
        loaded = report.loaded
        speed = f"{loaded.rows / loaded.import_seconds:,.0f}" if loaded.import_seconds else "kept"
        fold = f"{loaded.compact_seconds:.1f}" if loaded.compact_seconds else "kept"
        each, found = f"{loaded.segment_bytes / loaded.rows:,.0f}", _share(report.recall_at_10)
        alone = f"{report.one_client_p50_ms:.1f}"
        rows.append([str(report.asked.workers), loaded.engine, speed, fold, each, found, alone])
    return written(head.split("|"), rows)


def _wanted(asked: Asked) -> str:
    return "usual" if asked.recall is None else _share(asked.recall)


def _share(value: float) -> str:
    return f"{value:.3f}".rstrip("0").removeprefix("0")


if __name__ == "__main__":
    main()
