"""Records from the rows of a Parquet file: an id, a vector, and metadata from one JSON column and from all others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import orjson

from quartzdb.cli.failure import Failure
from quartzdb.cli.importing.jsonl import json_problem, stored_moment
from quartzdb.cli.importing.source import BadLine, ImportLine, SourceRecord
from quartzdb.cli.parquet.cells import Read, Unsupported, is_text, reader
from quartzdb.cli.parquet.columns import METADATA, RECORD_EXPIRES_AT, VECTOR, VERSION, moments
from quartzdb.cli.parquet.library import pyarrow
from quartzdb.cli.parquet.reading import ParquetFile
from quartzdb.cli.parquet.vectors import At, is_vector_type, vector_reader
from quartzdb.domain.metadata import json_type
from quartzdb.domain.vector import NO_VECTOR

_NAMES_SHOWN = 8


class ParquetRecords:
    """Positions are rows from 1.

    A column `metadata` of JSON text, or of structs or maps, is the metadata; any other column is a field of it, and
    goes before one of that name there. Without a column of vectors records have none; `quartzdb_expires_at` says when
    they expire. `text_columns` become text, whatever they are; `ignored` are passed over.
    """

    def __init__(
        self,
        file: ParquetFile,
        *,
        id_column: str = "id",
        vector_column: str = "vector",
        text_columns: Collection[str] = (),
        ignored: Collection[str] = (),
    ) -> None:
        """Raises Failure where a column is missing, or has what records cannot have."""
        self._file = file
        self._id, self._vector = id_column, vector_column
        names = file.schema.names
        if len(set(names)) != len(names):
            raise Failure("The file names a column twice.", hint="Write it with names of their own.")
        self._has_vectors = vector_column in names or not self._may_go_without(names, ignored)
        wanted = [id_column, *([vector_column] if self._has_vectors else []), *text_columns, *ignored]
        _check_there(wanted, names)
        self._id_read = _id_reader(self._type(id_column), id_column)
        self._vector_read = self._vector_reader() if self._has_vectors else _without
        passed_over = {id_column, vector_column, VERSION, RECORD_EXPIRES_AT, *ignored}
        self._expires = RECORD_EXPIRES_AT in names and RECORD_EXPIRES_AT not in ignored
        if self._expires and not pyarrow().types.is_timestamp(self._type(RECORD_EXPIRES_AT)):
            raise Failure(
                f"The column {RECORD_EXPIRES_AT!r} is {self._type(RECORD_EXPIRES_AT)}, not a timestamp.",
                hint=f"It says when records expire. Leave it out: --ignore-column {RECORD_EXPIRES_AT}",
            )
        self._whole: Read | None = None
        self._fields: dict[str, Read] = {}
        for name in names:
            if name in passed_over:
                continue
            read = self._cell_reader(name, as_text=name in text_columns)
            if name == METADATA and name not in text_columns and _is_document(self._type(name)):
                self._whole = read
            else:
                self._fields[name] = read

    @property
    def total(self) -> int | None:
        """The rows."""
        return self._file.rows

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows row `after`."""
        columns = [self._id, *([self._vector] if self._has_vectors else []), *self._fields]
        columns += [METADATA] if self._whole else []
        columns += [RECORD_EXPIRES_AT] if self._expires else []
        for before, batch in self._file.batches(after, columns):
            ids = self._id_read(batch.column(self._id))
            vector_at = self._vector_read(batch.column(self._vector if self._has_vectors else self._id))
            fields = [(name, read(batch.column(name))) for name, read in self._fields.items()]
            wholes = self._whole(batch.column(METADATA)) if self._whole else None
            ends = moments(batch.column(RECORD_EXPIRES_AT)) if self._expires else None
            for place, record_id in enumerate(ids):
                content: SourceRecord | BadLine
                try:
                    if record_id is None:
                        raise BadLine(f"{self._id}: the id is null")
                    metadata = _object(wholes[place]) if wholes else {}
                    for name, cells in fields:
                        if cells[place] is not None:
                            metadata[name] = cells[place]
                    end = stored_moment(ends[place]) if ends else None
                    content = SourceRecord(record_id, vector_at(place), metadata, end)
                except BadLine as bad:
                    content = bad
                yield ImportLine(before + place + 1, before + place + 1, content, "Row")

    def _type(self, name: str) -> Any:
        return self._file.schema.field(name).type

    def _may_go_without(self, names: Sequence[str], ignored: Collection[str]) -> bool:
        """Whether records have no vectors, as far as the file says: none of its columns may be meant for them."""
        return self._vector == VECTOR and not any(
            is_vector_type(self._type(name)) for name in names if name not in ignored
        )

    def _vector_reader(self) -> Callable[[Any], At]:
        try:
            return vector_reader(self._type(self._vector), self._vector)
        except Unsupported as error:
            raise Failure(
                f"The column {self._vector!r} is {error}, which is no list of numbers.",
                hint="Vectors are lists of numbers, or text with JSON or base64. Name another: --vector-column",
            ) from error

    def _cell_reader(self, name: str, *, as_text: bool) -> Read:
        try:
            return reader(self._type(name), as_text=as_text)
        except Unsupported as error:
            raise Failure(
                f"The column {name!r} is {error}, which metadata cannot hold.",
                hint=f"Leave it out (--ignore-column {name}), or write it as text.",
            ) from error


def _without(_: Any) -> At:
    """Whether records may go without, the namespace says."""
    return lambda _: NO_VECTOR


def _check_there(wanted: list[str], names: list[str]) -> None:
    for name in wanted:
        if name not in names:
            shown = ", ".join(map(repr, names[:_NAMES_SHOWN])) or "none"
            raise Failure(
                f"The file has no column {name!r}, but {shown}.",
                hint="Name the columns with --id-column and --vector-column.",
            )


def _id_reader(kind: Any, name: str) -> Read:
    if is_text(kind) or pyarrow().types.is_integer(kind) or _extension(kind) == "arrow.uuid":
        return reader(kind, as_text=True)
    raise Failure(
        f"The column {name!r} is {kind}, and ids are text or whole numbers.",
        hint="Name another with --id-column, or write it as text.",
    )


def _is_document(kind: Any) -> bool:
    types = pyarrow().types
    return is_text(kind) or _extension(kind) == "arrow.json" or types.is_struct(kind) or types.is_map(kind)


def _extension(kind: Any) -> str:
    return str(getattr(kind, "extension_name", ""))


def _object(cell: Any) -> dict[str, Any]:
    if cell is None:
        return {}
    if not isinstance(cell, str):
        document = cell
    else:
        try:
            document = orjson.loads(cell)
        except orjson.JSONDecodeError as error:
            raise BadLine(
                f"{METADATA}: not JSON: {json_problem(cell, error)}",
                hint=f"To have it as a field of text: --text-column {METADATA}",
            ) from error
    if not isinstance(document, dict):
        raise BadLine(f"{METADATA}: {json_type(document)}, not a JSON object")
    return document
