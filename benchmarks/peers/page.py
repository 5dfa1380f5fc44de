"""Figures as a page of Markdown. What is written by hand around the marks stays. Pure but for `write_page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import page_filters, page_resources
from benchmarks.peers.cells import na, ranked, speed_cells, table
from benchmarks.peers.choice import TARGETS, chosen

BEGIN = "<!-- figures: begin. Written by `make bench-peers`; what is outside of these marks is not. -->"
END = "<!-- figures: end -->"
TITLE = """# Beside other databases

The same vectors, fields and queries, asked of other vector databases and of this one, in one run on one machine.
"""
BY_HAND = """
## Bars and misses
"""

Document = Mapping[str, Any]


def write_page(document: Document, page: Path) -> None:
    """Bring the page, and the plots beside it, to these figures."""
    from benchmarks.peers.plots import draw

    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    plots = draw(document, folder)
    before = page.read_text() if page.exists() else f"{TITLE}\n{BEGIN}\n{END}\n{BY_HAND}"
    page.write_text(renewed(before, table_page(document, {name: f"{folder.name}/{name}" for name in plots})))


def renewed(page: str, figures: str) -> str:
    """The page with other figures between its marks. Raises ValueError where a mark is missing."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"The page needs these two marks, once each:\n{BEGIN}\n{END}")
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{figures.strip()}\n\n{END}{rest.split(END)[1]}"


def table_page(document: Document, plots: Mapping[str, str] | None = None) -> str:
    """Everything between the marks. `plots`: paths of images, by file name."""
    shown = plots or {}
    parts = [
        _conditions(document["about"]),
        "## Searching",
        _image(shown, "recall.svg", "queries a second at each recall"),
        *(_searching(document["peers"], target) for target in TARGETS),
        "## With filters",
        _image(shown, "filters.svg", "queries a second under filters, of those that reach recall .98"),
        page_filters.section(document["peers"]),
        "## Writing, disk, memory, first answer",
        _image(shown, "resources.svg", "disk, memory and first answer"),
        page_resources.section(document["peers"]),
        _reasons(document["peers"]),
        _repeating(document["about"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _conditions(about: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in sorted(about["versions"].items()))
    machine = (
        f"{about['cpu']}, {about['cores']} cores, {about['memory_bytes'] / 2**30:.0f} GB, {about['system']}"
    )
    return f"""## Conditions

- {about["date"]}, {machine}, Python {about["python"]}.
- {about["rows"]:,} × {about["dimension"]} ({about["source"]}), cosine, the best 10. Every record has an id
  and two integers, and every answer has ids, scores and both integers; hnswlib and brute force, which are no databases,
  give ids alone.
- {versions}.
- Graphs have {_degree()} where their maker leaves that open. Fields that filters name are indexed. Every
  database is at rest: merged or optimised, with all rows in one index.
- One client: one pinned core, one thread, for a server also the client's. Of each database the fastest setting that
  reaches a recall is raced, {about["race_seconds"]:g} s at a time, all in turn, {about["rounds"]} rounds; the
  median round counts.
- 8 clients: all cores. Threads of one process, which Python lets run one at a time where a library does not let go of
  its lock; for servers, connections of k6 on the same cores.
- In process, QuartzDB is asked through the service that its HTTP surface calls: log, planner, rescoring, records.
  Reads are strongly consistent, its default. `ivf` and `hnsw` are its engines; f16 is its smaller precision, and
  without it, f32. Its server has two workers."""


def _degree() -> str:
    from benchmarks.peers.port import BUILD_EFFORT, DEGREE

    return f"{DEGREE} links and a build effort of {BUILD_EFFORT}"


def _searching(peers: Document, target: float) -> str:
    case = f"recall {target}"
    rows: list[tuple[float, Sequence[str]]] = []
    for name, record in peers.items():
        found = chosen(record, case)
        if found is None:
            rows.append((0.0, [name, "", *_missing(record)]))
            continue
        speed, cells = speed_cells(record, case)
        setting = ", ".join(f"{key} {value}" for key, value in found["setting"].items())
        rows.append((speed, [name, setting, f"{found['recall']:.4f}", *cells]))
    head = ["database", "setting", "recall@10", "queries/s", "p50 ms", "p95", "p99"]
    head += ["8 clients", "p50 ms", "p99"]
    return f"### At recall {target} or better\n\n{table(head, ranked(rows))}"


def _missing(record: Document) -> Sequence[str]:
    sweep = record.get("sweeps", {}).get("")
    best = f"at most {max(found['recall'] for found in sweep):.3f}" if sweep else na()
    return [best, *[na()] * 7]


def _image(shown: Mapping[str, str], name: str, title: str) -> str:
    return f"![{title}]({shown[name]})" if name in shown else ""


def _reasons(peers: Document) -> str:
    lines = [
        f"- {name}{'' if what == 'all' else f', {what}'}: {_short(why)}"
        for name, record in peers.items()
        for what, why in record.get("reasons", {}).items()
    ]
    return "\n".join(["## Not measured", "", *lines]) if lines else ""


def _short(why: str) -> str:
    first = why.strip().splitlines()[0]
    return first if len(first) <= 200 else f"{first[:200]}…"


def _repeating(about: Mapping[str, Any]) -> str:
    return f"""## To repeat it

```sh
make bench-peers ARGS="--keep build/peers --json build/peers.json --write-docs"  # {about["rows"]:,} rows
make bench-peers ARGS="--rows 10000 --rounds 1"                                   # a first impression
```

A run that was interrupted goes on from its JSON file.
[How it measures](../benchmarks/README.md#other-databases)."""
