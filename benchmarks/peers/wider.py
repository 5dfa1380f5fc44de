"""Other sets than the page's own, beside each other: `python -m benchmarks.peers.wider FILE.json …`.

The files are those of `--json`. Puts how fast each database finds .95 and .99 of the nearest in each set, and under
filters, into docs/benchmarks/peers-wider.json, and brings the page to it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.cells import na, number, ours_bold, table
from benchmarks.peers.choice import TARGETS, middle
from benchmarks.peers.page_filters import KINDS, of_kind, summary_rows
from benchmarks.peers.page_resources import disk_per_vector
from benchmarks.peers.results import Results
from docsite import figures, results

Document = Mapping[str, Any]


def main() -> None:
    """Read, write, and bring the page to it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("files", nargs="+", type=Path)
    documents = [Results.read(path).document() for path in parser.parse_args().files]
    tables = {"races": results.parsed(races(documents))}
    for document in documents:
        if under := filters(document):
            tables[f"filters-{document['about']['data']}"] = results.parsed(under)
    newest = max(document["about"]["date"] for document in documents)
    results.put("peers-wider", tables, measured=newest, command="make bench-peers")
    figures.main()


def races(documents: Sequence[Document]) -> str:
    """A table: of each set what is reached at each recall, and bytes on disk; the fastest of the first set first."""
    head = ["Queries/s, one client"]
    for document in documents:
        about = document["about"]
        head += [f"{about['rows']:,} × {about['dimension']}, {_share(TARGETS[0])}"]
        head += [*map(_share, TARGETS[1:]), "bytes a vector"]
    names = list(dict.fromkeys(name for document in documents for name in document["peers"]))
    names.sort(key=lambda name: -_speed(documents[0]["peers"].get(name, {}), TARGETS[0]))
    rows = [
        ours_bold([name, *(cell for one in documents for cell in _cells(one["peers"].get(name, {})))])
        for name in names
    ]
    return table(head, rows)


def filters(document: Document) -> str:
    """A table of all filters, in the order of the page; empty where none was asked."""
    cases = [case for kind in KINDS for case in of_kind(kind)]
    rows = summary_rows(document["peers"], cases)
    return table(["queries/s (recall)", *cases], rows) if rows else ""


def _cells(record: Document) -> list[str]:
    disk = disk_per_vector(record) if record.get("written") else None
    speeds = [_speed(record, target) for target in TARGETS]
    return [*(number(one) if one else na() for one in speeds), number(disk) if disk else na()]


def _speed(record: Document, target: float) -> float:
    raced = middle(record, f"recall {target}", "single")
    return raced["qps"] if raced else 0.0


def _share(target: float) -> str:
    return f"{target:g}".removeprefix("0")


if __name__ == "__main__":
    main()
