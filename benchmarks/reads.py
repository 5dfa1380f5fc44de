"""Times lists, aggregates, and pages and groups of queries: `python -m benchmarks.reads [--keep DIR] [--json FILE]`.

Two databases are made, or found in the directory that is kept: records of tiny vectors and metadata of several sorts,
for lists and aggregates; and records with an index, for queries. All is read warm, in this process, without HTTP. Each
figure is the median of several calls, by the clock and by the processor: on a busy machine only the second says much.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.filling import Floats, Opened, open_database
from quartzdb.domain.aggregate import Aggregate, AggregateKind, AggregateRequest
from quartzdb.domain.fieldkey import encode
from quartzdb.domain.filter import Filter, parse
from quartzdb.domain.grouping import GroupBy
from quartzdb.domain.namespace import EngineChoice
from quartzdb.domain.order import BY_ID, Order, OrderPlace
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.listing import list_records
from quartzdb.storage.index.view import View

COLOURS = ("red", "green", "blue", "yellow", "black", "white", "grey", "brown", "pink", "orange")
FILTERS: dict[str, Any] = {
    "no filter": None,
    "1 in 10": {"colour": "red"},
    "1 in 20": {"active": True, "price": {"$lt": 500}},
    "1 in 5,000": {"city": "city-77"},
}
PASSAGES = 10
"""Records of one document."""
_CALLS = 7
_BATCH = 1_000

Case = tuple[str, str, Callable[[], object]]
"""What, of which records, and how."""


def main() -> None:
    """Make what is not there, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="for lists and aggregates")
    parser.add_argument("--query-rows", type=int, default=100_000, help="for pages and groups of queries")
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--tail", type=int, default=1_000, help="records that are in no segment yet")
    parser.add_argument("--keep", type=Path, help="where databases are kept, and found again")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.keep or Path(temporary)
        figures: list[dict[str, Any]] = []
        counted = made(directory / "counted", arguments.rows, 2, arguments.tail)
        figures += measured(cases_of_reading(counted))
        counted.close()
        asked = made(directory / "asked", arguments.query_rows, arguments.dimension, arguments.tail)
        figures += measured(cases_of_asking(asked, arguments.dimension))
        asked.close()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1))
    print(table(figures))


def made(directory: Path, rows: int, dimension: int, tail: int) -> Opened:
    """A database with so many records in one segment, and some in the tail; as it was left, if it is there."""
    engine = EngineChoice.EXACT if dimension < 8 else EngineChoice.AUTO
    opened = open_database(directory, dimension, engine=engine, threads=2)
    ready = directory / "ready"
    if not ready.exists():
        for records in records_of(rows, dimension):
            opened.database.records.upsert(opened.namespace, records)
        while opened.database.indexer.fold(opened.namespace).published:
            pass
        opened.database.indexer.compact(opened.namespace, all_segments)
        ready.touch()
        for records in records_of(tail, dimension, first=rows):
            opened.database.records.upsert(opened.namespace, records)
    opened.database.readers.of(opened.namespace).reload()
    return opened


def records_of(count: int, dimension: int, first: int = 0) -> Iterator[list[NewRecord]]:
    """Records by number, the same ones each time: their vectors lie around a thousand centres, as embeddings do."""
    generator = np.random.default_rng(first + 1)
    centres = np.random.default_rng(0).standard_normal((1_000, dimension)).astype(np.float32)
    for start in range(first, first + count, _BATCH):
        some = min(_BATCH, first + count - start)
        rows: Floats = centres[generator.integers(0, 1_000, some)]
        rows = rows + 0.6 * generator.standard_normal((some, dimension)).astype(np.float32)
        yield [
            NewRecord(f"record-{start + place:08d}", row, metadata_of(start + place))
            for place, row in enumerate(rows)
        ]


def metadata_of(number: int) -> dict[str, Any]:
    """Fields of every awkward sort: few values and many, in order and not, arrays."""
    scattered = number * 2_654_435_761 % 2**32
    return {
        "colour": COLOURS[scattered % 10],
        "city": f"city-{scattered // 10 % 5_000}",
        "price": scattered / 2**32 * 1_000,
        "created": 1_700_000_000 + number,
        "active": scattered % 10 == 1 or number % 10 == 3,
        "tags": [f"tag-{scattered // 7 % 40}", f"tag-{scattered // 11 % 40 + 40}"],
        "doc": f"doc-{number // PASSAGES}",
    }


def cases_of_reading(opened: Opened) -> Iterator[Case]:
    """Aggregates over one field, and pages of lists at their beginning and in their middle."""
    view = opened.database.readers.of(opened.namespace).view()
    aggregates = opened.database.aggregates
    kinds: dict[str, AggregateRequest] = {
        "the colours that come most often": AggregateRequest({"a": Aggregate(AggregateKind.TOP, "colour")}),
        "the cities that come most often": AggregateRequest({"a": Aggregate(AggregateKind.TOP, "city")}),
        "the tags that come most often": AggregateRequest({"a": Aggregate(AggregateKind.TOP, "tags")}),
        "sum of prices": AggregateRequest({"a": Aggregate(AggregateKind.SUM, "price")}),
        "greatest price": AggregateRequest({"a": Aggregate(AggregateKind.MAX, "price")}),
        "how many prices": AggregateRequest({"a": Aggregate(AggregateKind.COUNT, "price")}),
        "median of prices": AggregateRequest({"a": Aggregate(AggregateKind.PERCENTILES, "price", (50.0,))}),
        "counts by colour": AggregateRequest({}, ("colour",)),
        "sum of prices by colour": AggregateRequest(
            {"a": Aggregate(AggregateKind.SUM, "price")}, ("colour",)
        ),
    }
    for name, request in kinds.items():
        for of, condition in conditions():
            yield name, of, partial(aggregates.tally, opened.namespace, request, condition)
    places = {
        "list by id, first 100": (BY_ID, None),
        "list by id, 100 in the middle": (BY_ID, OrderPlace(None, "record-00500000")),
        "list by price, first 100": (Order("price", descending=True), None),
        "list by price, 100 in the middle": (Order("price"), OrderPlace(encode(500.0), "")),
        "list by colour, 100 in the middle": (
            Order("colour"),
            OrderPlace(encode("green"), "record-00500000"),
        ),
    }
    for name, (order, after) in places.items():
        for of, condition in conditions():
            yield name, of, page_of_list(view, condition, order, after)


def page_of_list(
    view: View, condition: Filter | None, order: Order, after: OrderPlace | None
) -> Callable[[], object]:
    """One page of a hundred records with their metadata."""
    return lambda: list_records(view, condition, order, after, 100, Shown(vectors=False))


def conditions() -> Iterator[tuple[str, Filter | None]]:
    """By name."""
    for name, document in FILTERS.items():
        yield name, None if document is None else parse(document)


def cases_of_asking(opened: Opened, dimension: int) -> Iterator[Case]:
    """Queries, and pages and groups of them."""
    query = opened.database.search.query
    (asked,) = next(records_of(1, dimension, first=900_000_000))
    for recall in (None, 1.0):
        of = "usual recall" if recall is None else "recall 1"
        plain = QueryRequest(asked.vector, recall=recall)
        yield "query, top_k 10", of, partial(query, opened.namespace, plain)
        large = replace(plain, top_k=1_000, include_metadata=False)
        yield "query, top_k 1,000, without metadata", of, partial(query, opened.namespace, large)
        cursor = None
        for depth in range(0, 1_001, 10):
            page = replace(plain, paged=True, cursor=cursor)
            if depth in (0, 100, 1_000):
                yield f"page of 10 after {depth:,}", of, partial(query, opened.namespace, page)
            cursor = query(opened.namespace, page).cursor
        for per_group, groups in ((2, 10), (10, 50)):
            grouped = replace(plain, group_by=GroupBy("doc", per_group, groups))
            yield (
                f"{groups} groups of {per_group}, by document",
                of,
                partial(query, opened.namespace, grouped),
            )
        few = replace(plain, group_by=GroupBy("colour", 3, 10))
        yield "10 groups of 3, by colour", of, partial(query, opened.namespace, few)


def measured(cases: Iterator[Case]) -> list[dict[str, Any]]:
    """Milliseconds of each, warm: the first call is not counted."""
    figures = []
    for name, of, call in cases:
        call()
        walls, cpus = [], []
        for _ in range(_CALLS):
            wall, cpu = time.perf_counter(), time.process_time()
            call()
            walls.append((time.perf_counter() - wall) * 1000)
            cpus.append((time.process_time() - cpu) * 1000)
        figures.append(
            {"what": name, "of": of, "ms": statistics.median(walls), "cpu_ms": statistics.median(cpus)}
        )
    return figures


def table(figures: Sequence[dict[str, Any]]) -> str:
    """What was measured as rows, of which records as columns; processor milliseconds."""
    lines = []
    for columns in ([*FILTERS], ["usual recall", "recall 1"]):
        of_these = [one for one in figures if one["of"] in columns]
        lines += [f"| processor ms | {' | '.join(columns)} |", f"|---|{'--:|' * len(columns)}"]
        for what in dict.fromkeys(one["what"] for one in of_these):
            cells = {one["of"]: one["cpu_ms"] for one in of_these if one["what"] == what}
            lines.append(f"| {what} | {' | '.join(shown(cells[column]) for column in columns)} |")
        lines.append("")
    return "\n".join(lines)


def shown(milliseconds: float) -> str:
    """Three digits."""
    return (
        f"{milliseconds:.2f}"
        if milliseconds < 10
        else f"{milliseconds:.1f}"
        if milliseconds < 100
        else f"{milliseconds:.0f}"
    )


if __name__ == "__main__":
    main()
