"""The part of the page on conditions: the machine, versions, and what was the same for all."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from benchmarks.peers.cells import FEW_QUERIES
from benchmarks.peers.port import DEGREE, EF_CONSTRUCTION


def section(about: Mapping[str, Any]) -> str:
    """Everything, with its heading."""
    versions = ", ".join(f"{name} {number}" for name, number in sorted(about["versions"].items()))
    machine = (
        f"{about['cpu']}, {about['cores']} cores, {about['memory_bytes'] / 2**30:.0f} GB, {about['system']}"
    )
    rounds = f"{about['rounds']} round{'s' if about['rounds'] > 1 else ''}"
    points = f"""
        {about["date"]}, {machine}, Python {about["python"]}.

        {about["rows"]:,} × {about["dimension"]} ({about["source"]}), cosine, the best 10. Every record has an id and
        two integers, and every answer has ids, scores and both integers; hnswlib and brute force, which are no
        databases, give ids alone.

        {versions}.

        Graphs have {DEGREE} links and an efConstruction of {EF_CONSTRUCTION} where their maker leaves that open. Fields
        that filters name are indexed. Every database is at rest: merged or optimised, with all rows in one index.

        One client: one pinned core, one thread, for a server also the client's. Of each database the fastest setting
        that reaches a recall is raced, {about["race_seconds"]:g} s at a time, all in turn, {rounds}; the median round
        counts.

        8 clients: all cores. Threads of one process, which Python lets run one at a time where a library does not let
        go of its lock; for servers, a process for each, on the same cores.

        In process, QuartzDB is asked through the service that its HTTP surface calls: log, planner, rescoring, records.
        Reads are strongly consistent, its default. `ivf` and `hnsw` are its engines; f16 is its smaller precision, and
        without it, f32. Its server has two workers.

        † fewer than {FEW_QUERIES} queries: one that is slow has few in its time.
    """
    lines = (
        textwrap.fill(f"- {' '.join(point.split())}", 120, subsequent_indent="  ")
        for point in points.split("\n\n")
    )
    return "\n".join(["## Conditions", "", *lines])
