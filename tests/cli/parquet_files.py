"""Parquet files as others write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


def write_parquet(path: Path, columns: dict[str, Any], *, row_group: int = 1_000) -> Path:
    """A file with these columns: lists of values, or arrays of a type."""
    pq.write_table(pa.table(columns), path, row_group_size=row_group)
    return path


def vectors(count: int, dimension: int = 4) -> Any:
    """A column of vectors, each with a direction of its own, as numpy and most libraries have it: list<double>."""
    rows = [[float(row + place + 1) for place in range(dimension)] for row in range(count)]
    return pa.array(rows, pa.list_(pa.float64()))


def with_column(name: str, column: Any) -> dict[str, Any]:
    """Columns of as many records as the column has values, the last field of each being the column."""
    count = len(column)
    return {"id": [f"r{row}" for row in range(count)], "vector": vectors(count), name: column}
