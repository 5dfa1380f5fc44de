"""The part of the page on filters: a table of speeds for each kind, and all figures of each filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.peers.cells import FEW_QUERIES, na, number, ours_bold, ranked, speed_cells, table
from benchmarks.peers.choice import FILTERED_TARGET, cases, chosen, middle
from benchmarks.peers.questions import UNFILTERED

KINDS = {
    "random": "Which records match is chance.",
    "correlated": "Matches lie close together: they are the nearest to one of the rows. "
    "Queries are near it and far from it as they come.",
}
EXPLAINED = f"""Filters are `$lt` on an integer field. Recall is against the exact answers among what matches. Each
database has its fastest setting that reaches recall {FILTERED_TARGET}, or else the one that comes closest (in italics).
† fewer than {FEW_QUERIES} queries: one that is slow has few in its time."""


def section(peers: Mapping[str, Any]) -> str:
    """Everything under the heading."""
    return "\n\n".join([EXPLAINED, *(_summary(peers, kind) for kind in KINDS), _details(peers)])


def _of_kind(kind: str) -> list[str]:
    return [case for case, (condition, _) in cases().items() if condition.startswith(kind)]


def _summary(peers: Mapping[str, Any], kind: str) -> str:
    wanted = _of_kind(kind)
    head = ["queries/s (recall)", *(case.removeprefix(f"{kind} ") for case in wanted)]
    rows = [
        ours_bold([name, *(_speed_and_recall(record, case) for case in wanted)])
        for name, record in peers.items()
        if any(chosen(record, case) for case in wanted)
    ]
    return f"### {kind.capitalize()}\n\n{KINDS[kind]}\n\n{table(head, rows)}"


def _speed_and_recall(record: Mapping[str, Any], case: str) -> str:
    found, raced = chosen(record, case), middle(record, case, "single")
    if found is None or raced is None:
        return na()
    text = f"{number(raced['qps'])}{'†' if raced['count'] < FEW_QUERIES else ''} ({found['recall']:.3f})"
    return text if found["recall"] >= FILTERED_TARGET else f"*{text}*"


def _details(peers: Mapping[str, Any]) -> str:
    head = ["database", "setting", "recall@10", "of queries", "queries/s", "p50 ms", "p95", "p99"]
    head += ["8 clients", "p50 ms", "p99"]
    parts = []
    for case, (condition, _) in cases().items():
        if condition == UNFILTERED:
            continue
        rows = []
        for name, record in peers.items():
            if found := chosen(record, case):
                speed, cells = speed_cells(record, case)
                setting = ", ".join(f"{key} {value}" for key, value in found["setting"].items())
                rows.append((speed, [name, setting, f"{found['recall']:.4f}", f"{found['count']:,}", *cells]))
        if rows:
            parts.append(f"**{case}**\n\n{table(head, ranked(rows), words=2)}")
    if not parts:
        return ""
    return "\n\n".join(["<details><summary>All figures of each filter</summary>", *parts, "</details>"])
