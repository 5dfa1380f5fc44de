"""Records from CSV with a header: an id column, a vector (one column, or v0, v1, …), and metadata in the others."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from quartzdb.cli.failure import Failure
from quartzdb.cli.importing.source import BadLine, ImportLine, SourceRecord, open_source
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.vector import Vector, parse_vector

_FIELD_CHARACTERS_MAX = 1 << 24
_NUMBERED = re.compile(r"v(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_INTEGER_DIGITS_MAX = 15
"""Longer whole numbers stay text: a JSON number would lose digits in many readers."""


class CsvTable:
    """Positions are rows after the header, from 1.

    A cell of metadata is a number, true or false where it is written like one, text otherwise; an empty cell is no
    field. `text_columns` always stay text: for what only looks like a number, such as a zip code.
    """

    total: int | None = None

    def __init__(
        self,
        path: Path,
        *,
        id_column: str = "id",
        vector_column: str = "vector",
        text_columns: Sequence[str] = (),
    ) -> None:
        self._path = path
        self._id_column = id_column
        self._vector_column = vector_column
        self._text_columns = frozenset(text_columns)

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows row `after`."""
        csv.field_size_limit(_FIELD_CHARACTERS_MAX)
        with open_source(self._path) as file:
            # utf-8-sig, because spreadsheets begin a file with a byte order mark.
            reader = csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), strict=True)
            try:
                header = next(reader, None)
            except (csv.Error, UnicodeDecodeError) as error:
                raise Failure(f"{self._path} is no CSV file: {error}.") from error
            layout = _Layout.of(header or [], self._id_column, self._vector_column, self._path)
            position = 0
            while True:
                number = reader.line_num + 1
                try:
                    row = next(reader, None)
                except (csv.Error, UnicodeDecodeError) as error:
                    # Where the next row begins is anybody's guess from here on.
                    raise Failure(
                        f"Line {number} of {self._path} is no CSV: {error}. Everything before it was written."
                    ) from error
                if row is None:
                    return
                position += 1
                if position <= after or not row:
                    continue
                try:
                    content: SourceRecord | BadLine = self._record(layout, row)
                except BadLine as bad:
                    content = bad
                yield ImportLine(number, position, content)

    def _record(self, layout: _Layout, row: Sequence[str]) -> SourceRecord:
        if len(row) != len(layout.header):
            raise BadLine(f"{len(row)} cells under a header of {len(layout.header)}")
        metadata = {}
        for place in layout.metadata:
            name, cell = layout.header[place], row[place]
            if cell:
                metadata[name] = cell if name in self._text_columns else _typed(cell)
        try:
            return SourceRecord(row[layout.id], _vector(layout, row), metadata)
        except QuartzError as error:
            raise BadLine.of(error) from error


class _Layout:
    """Which column is what."""

    def __init__(
        self, header: Sequence[str], id_place: int, vector: Sequence[int], *, one_cell: bool
    ) -> None:
        self.header = header
        self.id = id_place
        self.vector = vector
        self.one_cell = one_cell
        taken = {id_place, *vector}
        self.metadata = [place for place in range(len(header)) if place not in taken]

    @staticmethod
    def of(header: Sequence[str], id_column: str, vector_column: str, path: Path) -> _Layout:
        """Raises Failure where the header has no id or no vector."""
        columns = ", ".join(map(repr, header[:8])) or "nothing"
        if len(set(header)) != len(header):
            raise Failure(f"The header of {path} names a column twice.")
        if id_column not in header:
            raise Failure(
                f"The header of {path} has no column {id_column!r}, but {columns}.",
                hint="Name it with --id-column.",
            )
        if vector_column in header:
            return _Layout(header, header.index(id_column), [header.index(vector_column)], one_cell=True)
        numbered = {
            int(match[1]): place for place, name in enumerate(header) if (match := _NUMBERED.fullmatch(name))
        }
        if not numbered or sorted(numbered) != list(range(len(numbered))):
            raise Failure(
                f"The header of {path} has neither a column {vector_column!r} nor columns v0, v1, …, but {columns}.",
                hint="Name the vector's column with --vector-column.",
            )
        return _Layout(
            header, header.index(id_column), [numbered[n] for n in range(len(numbered))], one_cell=False
        )


def _vector(layout: _Layout, row: Sequence[str]) -> Vector:
    if layout.one_cell:
        cell = row[layout.vector[0]].strip()
        if not cell.startswith("["):
            return parse_vector(cell)
        try:
            return parse_vector(orjson.loads(cell))
        except orjson.JSONDecodeError as error:
            raise BadLine(f"vector: not a JSON list: {error}") from error
    numbers = []
    for place in layout.vector:
        try:
            numbers.append(float(row[place]))
        except ValueError:
            raise BadLine(f"{layout.header[place]}: {row[place]!r} is no number") from None
    return parse_vector(numbers)


def _typed(cell: str) -> Any:
    if cell in {"true", "false"}:
        return cell == "true"
    if not _NUMBER.fullmatch(cell):
        return cell
    if cell.lstrip("-").isdigit():
        return int(cell) if len(cell.lstrip("-")) <= _INTEGER_DIGITS_MAX else cell
    return float(cell)
