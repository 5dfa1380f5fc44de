"""Tables of Markdown, and what several of them have in their cells. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.peers.choice import Found, middle

FEW_QUERIES = 100
OWN = "QuartzDB"


def na() -> str:
    """What there is no figure for."""
    return "n/a"


def number(value: float) -> str:
    """Three digits that count, and no more after the point than that takes."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def speed_cells(record: Mapping[str, Any], case: str) -> tuple[float, list[str]]:
    """Queries per second, for the order, and: that, p50, p95, p99; with eight clients: that, p50, p99."""
    single, crowd = middle(record, case, "single"), middle(record, case, "crowd")
    cells = [na()] * 7
    if single:
        few = "†" if single["count"] < FEW_QUERIES else ""
        cells[:4] = [number(single["qps"]) + few, *(number(single[name]) for name in ("p50", "p95", "p99"))]
    if crowd:
        few = "†" if crowd["count"] < FEW_QUERIES else ""
        cells[4:] = [number(crowd["qps"]) + few, number(crowd["p50"]), number(crowd["p99"])]
    return single["qps"] if single else 0.0, cells


CASE_HEAD = ["database", "setting", "recall@10", "of queries", "queries/s", "p50 ms", "p95", "p99"]
CASE_HEAD += ["8 clients", "p50 ms", "p99"]


def case_row(name: str, record: Mapping[str, Any], case: str, found: Found) -> tuple[float, list[str]]:
    """Everything of one peer in one case, with its speed for the order."""
    speed, cells = speed_cells(record, case)
    setting = ", ".join(f"{key} {value}" for key, value in found["setting"].items())
    return speed, [name, setting, f"{found['recall']:.4f}", f"{found['count']:,}", *cells]


def ranked(rows: Sequence[tuple[float, Sequence[str]]]) -> list[Sequence[str]]:
    """The fastest first, servers after all that answer in process; ours stand out."""
    order = sorted(rows, key=lambda row: (", HTTP" in row[1][0], -row[0]))
    return [ours_bold(cells) for _, cells in order]


def ours_bold(cells: Sequence[str]) -> Sequence[str]:
    """The row, its name in bold if it is ours."""
    return [f"**{cells[0]}**", *cells[1:]] if cells[0].startswith(OWN) else cells


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A table whose first `words` columns are text and whose others are numbers."""
    rules = ["---" if at < words else "--:" for at in range(len(head))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rules, *rows))
