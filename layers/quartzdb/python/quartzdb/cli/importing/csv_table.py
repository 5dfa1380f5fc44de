"""Records from CSV or TSV with a header: an id column, a vector (one column, or v0, v1, …), metadata in the others.

Without a column for the vector records have none, as those of a namespace that is searched by words alone; the column
`quartzdb_expires_at` says when a record expires. Both are as in Parquet.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

import orjson

from quartzdb.cli.failure import Failure
from quartzdb.cli.importing.jsonl import json_problem
from quartzdb.cli.importing.source import BadLine, ImportLine, SourceRecord
from quartzdb.cli.importing.source_file import SourceBytes
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.expiry import moment_in
from quartzdb.domain.metadata import INTEGER_MAX, INTEGER_MIN
from quartzdb.domain.vector import NO_VECTOR, Vector, parse_vector

EXPIRES_AT = "quartzdb_expires_at"
"""The column that says when a record expires, unix milliseconds or RFC 3339; an empty cell is never."""

VECTOR_COLUMN = "vector"
"""What the column with vectors is called unless something else is said."""
_FIELD_CHARACTERS_MAX = 1 << 24
_NUMBERED = re.compile(r"v(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_INTEGER_CHARACTERS_MAX = len(str(INTEGER_MIN))


class CsvTable:
    """Positions are rows after the header, from 1.

    A cell of metadata is a number, true or false where it is written like one, text otherwise; an empty cell is no
    field. Whole numbers are kept to the last digit as far as metadata can hold them (64 bits), and are text beyond.
    `text_columns` always stay text: for what only looks like a number, such as a zip code. `ignored` are no metadata.
    """

    total: int | None = None

    def __init__(
        self,
        file: SourceBytes,
        *,
        delimiter: str = ",",
        id_column: str = "id",
        vector_column: str = VECTOR_COLUMN,
        text_columns: Sequence[str] = (),
        ignored: Sequence[str] = (),
    ) -> None:
        self._file = file
        self._delimiter = delimiter
        self._id_column = id_column
        self._vector_column = vector_column
        self._text_columns = frozenset(text_columns)
        self._ignored = frozenset(ignored)

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows row `after`."""
        csv.field_size_limit(_FIELD_CHARACTERS_MAX)
        with self._file.open() as file:
            # utf-8-sig, because spreadsheets begin a file with a byte order mark.
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            reader = csv.reader(text, delimiter=self._delimiter, strict=True)
            try:
                header = next(reader, None)
            except (csv.Error, UnicodeDecodeError) as error:
                raise Failure(f"{self._file.name} is no CSV file: {_csv_problem(error)}.") from error
            if header is None and self._file.is_stream:
                raise Failure(
                    f"Nothing came from {self._file.name}.",
                    hint="See whether the command that writes to it failed. Nothing was written.",
                )
            layout = _Layout.of(header or [], self._id_column, self._vector_column, self._file.name)
            position = 0
            while True:
                number = reader.line_num + 1
                try:
                    row = next(reader, None)
                except (csv.Error, UnicodeDecodeError) as error:
                    # Where the next row begins is anybody's guess from here on.
                    raise Failure(
                        f"Line {number} of {self._file.name} is no CSV: {_csv_problem(error)}."
                        " Everything before it was written."
                    ) from error
                if row is None:
                    return
                position += 1
                if position == 1:
                    self._check_first(layout, row)
                if position <= after or not row:
                    continue
                try:
                    content: SourceRecord | BadLine = self._record(layout, row)
                except BadLine as bad:
                    content = bad
                yield ImportLine(number, position, content)

    def _check_first(self, layout: _Layout, row: Sequence[str]) -> None:
        """Raises Failure where no column is the vector's, but one looks as if it were meant for it."""
        if layout.vector:
            return
        for name, cell in zip(layout.header, row, strict=False):
            if cell.lstrip().startswith("[") and name not in self._ignored | self._text_columns:
                raise Failure(
                    f"The header of {self._file.name} has neither a column {self._vector_column!r} nor v0, v1, …, "
                    f"but {name!r} has lists.",
                    hint=f"If these are the vectors: --vector-column {name}. If they are text: --text-column {name}",
                )

    def _record(self, layout: _Layout, row: Sequence[str]) -> SourceRecord:
        if len(row) != len(layout.header):
            raise BadLine(f"{len(row)} cells under a header of {len(layout.header)}")
        metadata = {}
        for place in layout.metadata:
            name, cell = layout.header[place], row[place]
            if cell and name not in self._ignored:
                metadata[name] = cell if name in self._text_columns else _typed(cell)
        ends = None if layout.expires_at is None else _moment(row[layout.expires_at])
        try:
            return SourceRecord(row[layout.id], _vector(layout, row), metadata, ends)
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
        self.expires_at = header.index(EXPIRES_AT) if EXPIRES_AT in header else None
        taken = {id_place, *vector, self.expires_at}
        self.metadata = [place for place in range(len(header)) if place not in taken]

    @staticmethod
    def of(header: Sequence[str], id_column: str, vector_column: str, name: str) -> _Layout:
        """Raises Failure where the header has no id, or not the vector that it was said to have."""
        columns = ", ".join(map(repr, header[:8])) or "nothing"
        if len(set(header)) != len(header):
            raise Failure(f"The header of {name} names a column twice.")
        if id_column not in header:
            raise Failure(
                f"The header of {name} has no column {id_column!r}, but {columns}.",
                hint="Name it with --id-column.",
            )
        if vector_column in header:
            return _Layout(header, header.index(id_column), [header.index(vector_column)], one_cell=True)
        numbered = {
            int(match[1]): place
            for place, column in enumerate(header)
            if (match := _NUMBERED.fullmatch(column))
        }
        if vector_column != VECTOR_COLUMN or sorted(numbered) != list(range(len(numbered))):
            raise Failure(
                f"The header of {name} has neither a column {vector_column!r} nor columns v0, v1, …, but {columns}.",
                hint="Name the vector's column with --vector-column.",
            )
        # Without any, the namespace says whether its records may go without.
        return _Layout(
            header, header.index(id_column), [numbered[n] for n in range(len(numbered))], one_cell=False
        )


def _vector(layout: _Layout, row: Sequence[str]) -> Vector:
    if not layout.vector:
        return NO_VECTOR
    if layout.one_cell:
        return vector_of_cell(row[layout.vector[0]])
    numbers = []
    for place in layout.vector:
        try:
            numbers.append(float(row[place]))
        except ValueError:
            raise BadLine(f"{layout.header[place]}: {row[place]!r} is no number") from None
    return parse_vector(numbers)


def _moment(cell: str) -> int | None:
    """Unix milliseconds, None for an empty cell. Raises BadLine."""
    if not cell:
        return None
    try:
        whole = int(cell) if cell.isascii() and cell.isdigit() else None
        moment = None if whole is not None else datetime.fromisoformat(cell)
    except ValueError:
        whole = moment = None
    if moment is not None and moment.tzinfo is not None:
        whole = int(moment.timestamp() * 1000)
    stored = moment_in(whole)
    if stored is None:
        raise BadLine(
            f"{EXPIRES_AT}: {cell[:80]!r} is no moment",
            hint="Write unix milliseconds or RFC 3339, as in 2027-01-31T12:00:00Z, or leave the cell empty.",
        )
    return stored


def vector_of_cell(text: str) -> Vector:
    """A vector as text: a JSON list, or base64 of little-endian float32. Raises BadLine, InvalidVector."""
    cell = text.strip()
    if not cell.startswith("["):
        return parse_vector(cell)
    try:
        return parse_vector(orjson.loads(cell))
    except orjson.JSONDecodeError as error:
        raise BadLine(f"vector: not a JSON list: {json_problem(cell, error)}") from error


def _typed(cell: str) -> Any:
    if cell in {"true", "false"}:
        return cell == "true"
    if not _NUMBER.fullmatch(cell):
        return cell
    if cell.lstrip("-").isdigit():
        if len(cell) > _INTEGER_CHARACTERS_MAX or not INTEGER_MIN <= int(cell) <= INTEGER_MAX:
            return cell
        return int(cell)
    number = float(cell)
    # Past the largest double there is no number to keep: what is written 1e400 is a code, or as good as one.
    return number if isfinite(number) else cell


def _csv_problem(error: csv.Error | UnicodeDecodeError) -> str:
    """In words about the file, not about Python."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 (a byte {error.object[error.start]:#04x})"
    return str(error)
