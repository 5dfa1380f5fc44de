"""The part of the page on what a database takes: time to write and to start, disk, memory."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from benchmarks.peers.cells import na, number, ours_bold, table

EXPLAINED = """Rows are written in batches of 100 by one client on all cores; "acknowledged" until the last batch was
answered, "indexed" until every row is in the index and files are at rest. Over HTTP, 20,000 rows at most are written.

A first answer is what a fresh process takes from its start to the answer to one query: Python, imports, opening; for a
server, from its start to its first response. Warm: files are in the page cache, the median of five. Dropped ({how}):
the median of three.

Disk is the whole directory. Memory is that of a process of its own after two seconds of queries, with that of Python
and numpy in it ({bare} MB): "own" is anonymous memory; "files" are the parts of mapped files that it has touched,
programs among them, which the system can take back. Processes of a server are added up."""


def section(peers: Mapping[str, Any]) -> str:
    """Everything under the heading."""
    head = ["database", "acknowledged/s", "indexed/s", "first answer, warm ms", "dropped ms"]
    head += ["disk B/vector", "own MB", "files MB", "peak MB", "peak MB, writing"]
    rows = [ours_bold([name, *_cells(name, record)]) for name, record in peers.items()]
    bare = [
        record["bare"]["anonymous"] + record["bare"]["file_backed"]
        for record in peers.values()
        if "bare" in record
    ]
    told = f"{statistics.median(bare) / 1e6:.0f}" if bare else na()
    how = ", ".join(sorted({record["dropped_by"] for record in peers.values() if record.get("dropped_by")}))
    return f"{EXPLAINED.format(bare=told, how=how or na())}\n\n{table(head, rows)}"


def first_answer(record: Mapping[str, Any], how: str) -> float | None:
    """Milliseconds, the median."""
    times = record.get("first", {}).get(how)
    return statistics.median(times) if times else None


def disk_per_vector(record: Mapping[str, Any]) -> float | None:
    """Bytes; None for a server, which serves another's index."""
    return record["disk"] / record["written"]["rows"] if record.get("disk") else None


def _cells(name: str, record: Mapping[str, Any]) -> list[str]:
    written, held, served = record.get("written"), record.get("memory"), ", HTTP" in name
    speeds = (
        [number(written["rows"] / written[key]) for key in ("acknowledged_s", "searchable_s")]
        if written
        else []
    )
    firsts = [first_answer(record, how) for how in ("warm", "dropped")]
    disk = disk_per_vector(record)
    memory = [f"{held[key] / 1e6:,.0f}" for key in ("anonymous", "file_backed", "peak")] if held else []
    return [
        *(speeds or [na()] * 2),
        *(na() if first is None else number(first) for first in firsts),
        "as in process" if served else na() if disk is None else number(disk),
        *(memory or [na()] * 3),
        f"{written['ingest_peak'] / 1e6:,.0f}" if written and not served else na(),
    ]
