"""Checksums of rows. SQLite checks how its pages hang together, not what is in them: a flipped bit would be served.

Every table has a generated column `row_sum` over its others, which SQLite fills by calling `sum_of`. Whoever reads a
row compares; `unsound_rows` compares all of a file, for whoever verifies it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xxhash

from quartzdb.domain.errors import Corrupted

FUNCTION = "quartzdb_sum"
_HALF = 1 << 63


def sum_of(*values: str | bytes | int | None) -> int:
    """A signed 64-bit checksum (XXH3) of a row's values, their kinds and lengths included."""
    parts: list[bytes] = []
    for value in values:
        if isinstance(value, bytes):
            parts += (b"b%d:" % len(value), value)
        elif isinstance(value, str):
            encoded = value.encode("utf-8", "surrogatepass")
            parts += (b"s%d:" % len(encoded), encoded)
        else:
            parts.append(b"n" if value is None else b"i%d:" % value)
    return xxhash.xxh3_64_intdigest(b"".join(parts)) - _HALF


def add_sums(connection: sqlite3.Connection) -> None:
    """Let a connection compute them: without it, tables that have sums cannot be written."""
    connection.create_function(FUNCTION, -1, sum_of, deterministic=True)


def sum_column(*columns: str, name: str = "row_sum") -> str:
    """The declaration of a table's column of sums."""
    return f"{name} INTEGER NOT NULL GENERATED ALWAYS AS ({FUNCTION}({', '.join(columns)})) STORED"


def require_sound(path: Path, stored: int, *values: str | bytes | int | None) -> None:
    """Raises Corrupted unless these are the values that were written."""
    if sum_of(*values) != stored:
        raise Corrupted(
            f"A row in the database {path.name} is not what was written.",
            hint="Run `quartzdb verify`, keep a copy of the file and restore it from a backup.",
        )


def unsound_rows(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with the rows of a file, a line for each table that has such rows."""
    add_sums(connection)
    tables: Sequence[Any] = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql LIKE '%GENERATED ALWAYS AS%'"
    ).fetchall()
    for table, declared in tables:
        for line in declared.splitlines():
            if "GENERATED ALWAYS AS" not in line:
                continue
            column, expression = line.split()[0], line.split(" AS ", 1)[1].split(" STORED")[0]
            found = f"SELECT count(*) FROM {table} WHERE {column} IS NOT {expression}"
            ((count,),) = connection.execute(found).fetchall()
            if count:
                yield f"{count} rows of the table {table} are not what was written"
