"""Times filters over one segment's field index: `python -m benchmarks.filters [--rows N] [--json]`.

Builds an index of synthetic metadata with one field of each awkward sort, prints bytes per row, then for each filter
the first evaluation by a new reader (cold) and the median and the worst of many by a warm one. Operands change from
one evaluation to the next, so that nothing is answered from a remembered result.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from quartzdb.domain.filter import parse
from quartzdb.storage.index.fields.filtering import evaluate
from quartzdb.storage.index.fields.sqlite_fields import SqliteFields, write_fields

REPEATS = 30
COLOURS = ("red", "green", "blue", "yellow", "black", "white", "grey", "brown", "pink", "orange")
SHARED_FIELDS = {
    "price": "1M distinct floats, random order",
    "user": "distinct strings, random order",
    "created": "distinct integers, in row order",
    "city": "5,000 strings",
    "colour": "10 strings",
    "active": "booleans, 10% true",
    "tags": "3 of 1,000 strings",
    "note": "a text of 400 characters in 5% of the rows",
}


def metadata(rows: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Metadata of each row; the same for the same seed."""
    rng = random.Random(seed)
    users = list(range(rows))
    rng.shuffle(users)
    for row in range(rows):
        document: dict[str, Any] = {
            "price": rng.random() * 1000,
            "user": user_id(users[row]),
            "created": 1_700_000_000_000 + row * 37,
            "city": f"city-{rng.randrange(5000)}",
            "colour": rng.choice(COLOURS),
            "active": rng.random() < 0.1,
            "tags": [f"tag-{rng.randrange(1000)}" for _ in range(3)],
        }
        if rng.random() < 0.05:
            document["note"] = "".join(rng.choices("abcdefghij ", k=400))
        yield document


def user_id(number: int) -> str:
    """A distinct string whose prefixes select runs of 1, 10, 100 …"""
    return f"user-{number:09d}"


def cases(rows: int) -> dict[str, Callable[[random.Random], dict[str, Any]]]:
    """Filters by name, each with fresh operands every time."""
    return {
        "eq, 10 values": lambda rng: {"colour": rng.choice(COLOURS)},
        "eq, 5,000 values": lambda rng: {"city": f"city-{rng.randrange(5000)}"},
        "eq, all distinct": lambda rng: {"user": user_id(rng.randrange(rows))},
        "ne, all distinct": lambda rng: {"user": {"$ne": user_id(rng.randrange(rows))}},
        "range 1%, distinct floats": lambda rng: _range("price", rng.random() * 990, 10),
        "range 50%, distinct floats": lambda rng: _range("price", rng.random() * 500, 500),
        "prefix 0.1%, distinct": lambda rng: {
            "user": {"$prefix": user_id(rng.randrange(rows))[: -len(str(rows // 1000)) + 1]}
        },
        "in 1,000 of all distinct": lambda rng: {
            "user": {"$in": [user_id(rng.randrange(rows)) for _ in range(1000)]}
        },
        "in 5 of 10": lambda rng: {"colour": {"$in": rng.sample(COLOURS, 5)}},
        "contains tag": lambda rng: {"tags": {"$contains": f"tag-{rng.randrange(1000)}"}},
        "exists, 5% of rows": lambda _: {"note": {"$exists": True}},
        "missing, 5% of rows": lambda _: {"note": {"$exists": False}},
        "prefix in 5% of rows": lambda rng: {"note": {"$prefix": rng.choice("abcdefghij")}},
        "six clauses": lambda rng: {
            "$or": [{"colour": rng.choice(COLOURS)}, {"city": f"city-{rng.randrange(5000)}"}],
            "$not": {"tags": {"$contains": f"tag-{rng.randrange(1000)}"}},
            "active": False,
            "price": {"$gte": rng.random() * 500, "$lt": 900},
        },
        "six unselective ranges": lambda rng: {
            "price": {"$gte": rng.random(), "$lt": 999},
            "user": {"$gte": user_id(rng.randrange(1000)), "$lt": user_id(rows - 1)},
            "created": {"$gt": 1_700_000_000_000 + rng.randrange(1000), "$lt": 1_700_000_000_000 + rows * 37},
        },
    }


def _range(field: str, low: float, width: float) -> dict[str, Any]:
    return {field: {"$gte": low, "$lt": low + width}}


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        report = measure(arguments.rows, Path(directory) / "records.sqlite")
    print(json.dumps(report, indent=2) if arguments.json else table(report))


def measure(rows: int, path: Path) -> dict[str, Any]:
    """Everything this benchmark knows, as JSON."""
    started = time.perf_counter()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA page_size=8192")
        write_fields(connection, metadata(rows))
    connection.close()
    build_s = time.perf_counter() - started
    connection = sqlite3.connect(f"{path.as_uri()}?immutable=1&mode=ro", uri=True)
    sizes = {field: size / rows for field, size in _bytes_by_field(connection)}
    results = [_time_case(connection, rows, name, make) for name, make in cases(rows).items()]
    connection.close()
    return {
        "rows": rows,
        "build_seconds": build_s,
        "bytes_per_row": path.stat().st_size / rows,
        "bytes_per_row_by_field": sizes,
        "cases": results,
    }


def _time_case(
    connection: sqlite3.Connection, rows: int, name: str, make: Callable[[random.Random], dict[str, Any]]
) -> dict[str, Any]:
    fields = SqliteFields(connection, rows)
    rng = random.Random(11)
    cold_ms, matched = _evaluate_ms(fields, make(rng))
    # Warm: every part has been touched, as it has in a reader that served such filters for a while.
    for _ in range(REPEATS * 3):
        _evaluate_ms(fields, make(rng))
    warm_ms = [_evaluate_ms(fields, make(rng))[0] for _ in range(REPEATS)]
    return {
        "case": name,
        "matched": matched,
        "median_ms": statistics.median(warm_ms),
        "max_ms": max(warm_ms),
        "cold_ms": cold_ms,
        "cache_mb": fields.resident_bytes / 1e6,
    }


def _evaluate_ms(fields: SqliteFields, document: dict[str, Any]) -> tuple[float, int]:
    started = time.perf_counter()
    mask = evaluate(parse(document), fields)
    return (time.perf_counter() - started) * 1e3, int(mask.sum())


def _bytes_by_field(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    return connection.execute(
        """
        SELECT CAST(path AS TEXT), SUM(size) FROM (
            SELECT id, LENGTH(path) + COALESCE(LENGTH(rows), 0) + COALESCE(LENGTH(fences), 0) AS size FROM fields
            UNION ALL SELECT field, LENGTH(keys) FROM field_key_blocks
            UNION ALL SELECT field, LENGTH(ordinals) FROM field_planes
            UNION ALL SELECT field, LENGTH(key) + LENGTH(rows) FROM field_postings
        ) JOIN fields USING (id) GROUP BY path
        """
    ).fetchall()


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [
        f"{report['rows']:,} rows, built in {report['build_seconds']:.1f} s, "
        f"{report['bytes_per_row']:.1f} bytes per row on disk:",
        *(
            f"  {field:10} {size:6.2f}  {SHARED_FIELDS.get(field, '')}"
            for field, size in report["bytes_per_row_by_field"].items()
        ),
        "",
        f"{'filter':28} {'matched':>9} {'median ms':>10} {'max ms':>8} {'cold ms':>8} {'cache MB':>9}",
    ]
    lines += [
        f"{case['case']:28} {case['matched']:>9,} {case['median_ms']:>10.3f} {case['max_ms']:>8.3f}"
        f" {case['cold_ms']:>8.2f} {case['cache_mb']:>9.1f}"
        for case in report["cases"]
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
