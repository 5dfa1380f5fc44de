"""The part of the page on filters: a table of speeds for each kind, and all figures of each filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.peers.cells import CASE_HEAD, FEW_QUERIES, case_row, na, number, ours_bold, ranked, table
from benchmarks.peers.choice import FILTERED_TARGET, cases, chosen, middle
from benchmarks.peers.questions import UNFILTERED

KINDS = {
    "random": "Which records match is chance.",
    "correlated": "Matches lie close together: they are the nearest to one of the rows. "
    "Queries are near it and far from it as they come.",
}
EXPLAINED = f"""Filters are `$lt` on an integer field. Recall is against the exact answers among what matches. Each
database has its fastest setting that reaches recall {FILTERED_TARGET}, or else the one that comes closest, in
italics."""


def section(peers: Mapping[str, Any]) -> str:
    """Everything under the heading."""
    return "\n\n".join([EXPLAINED, *(_summary(peers, kind) for kind in KINDS), _details(peers)])


def of_kind(kind: str) -> list[str]:
    """The cases with filters of this kind, those that match most first."""
    return [case for case, (condition, _) in cases().items() if condition.startswith(kind)]


def _summary(peers: Mapping[str, Any], kind: str) -> str:
    wanted = of_kind(kind)
    head = ["queries/s (recall)", *(case.removeprefix(f"{kind} ") for case in wanted)]
    return f"### {kind.capitalize()}\n\n{KINDS[kind]}\n\n{table(head, summary_rows(peers, wanted))}"


def summary_rows(peers: Mapping[str, Any], wanted: Sequence[str]) -> list[Sequence[str]]:
    """Speed and recall in each of these cases, of all that were asked in any."""
    return [
        ours_bold([name, *(_speed_and_recall(record, case) for case in wanted)])
        for name, record in peers.items()
        if any(chosen(record, case) for case in wanted)
    ]


def _speed_and_recall(record: Mapping[str, Any], case: str) -> str:
    """In italics where the recall that is wanted was not reached."""
    found, raced = chosen(record, case), middle(record, case, "single")
    if found is None or raced is None:
        return na()
    text = f"{number(raced['qps'])}{'†' if raced['count'] < FEW_QUERIES else ''} ({found['recall']:.3f})"
    return text if found["recall"] >= FILTERED_TARGET else f"*{text}*"


def _details(peers: Mapping[str, Any]) -> str:
    parts = []
    for case, (condition, _) in cases().items():
        if condition == UNFILTERED:
            continue
        rows = [
            case_row(name, record, case, found)
            for name, record in peers.items()
            if (found := chosen(record, case))
        ]
        if rows:
            parts.append(f"**{case}**\n\n{table(CASE_HEAD, ranked(rows), words=2)}")
    if not parts:
        return ""
    return "\n\n".join(["<details><summary>All figures of each filter</summary>", *parts, "</details>"])
