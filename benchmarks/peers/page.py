"""Figures as a page of Markdown. What is written by hand around the marks stays. Pure but for `write_page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers import page_conditions, page_filters, page_resources
from benchmarks.peers.cells import CASE_HEAD, case_row, na, ranked, table
from benchmarks.peers.choice import TARGETS, chosen
from docsite import results

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
    """Bring the page, the plots beside it and docs/benchmarks/peers.json to these figures."""
    from benchmarks.peers.plots import draw

    folder = page.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    plots = draw(document, folder)
    figures = table_page(document, {name: f"{folder.name}/{name}" for name in plots})
    results.put(
        "peers", results.by_heading(figures), measured=document["about"]["date"], command="make bench-peers"
    )
    before = page.read_text() if page.exists() else f"{TITLE}\n{BEGIN}\n{END}\n{BY_HAND}"
    page.write_text(renewed(before, figures))


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
        page_conditions.section(document["about"]),
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


def _searching(peers: Document, target: float) -> str:
    case = f"recall {target}"
    rows: list[tuple[float, Sequence[str]]] = []
    for name, record in peers.items():
        found = chosen(record, case)
        rows.append(case_row(name, record, case, found) if found else (0.0, [name, "", *_missing(record)]))
    return f"### At recall {target} or better\n\n{table(CASE_HEAD, ranked(rows), words=2)}"


def _missing(record: Document) -> Sequence[str]:
    sweep = record.get("sweeps", {}).get("")
    best = f"at most {max(found['recall'] for found in sweep):.3f}" if sweep else na()
    return [best, *[na()] * 8]


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
