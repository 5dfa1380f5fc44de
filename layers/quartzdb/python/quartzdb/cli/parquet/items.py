"""Key-values from the rows of a Parquet file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quartzdb.cli.failure import Failure
from quartzdb.cli.importing.kv_lines import SourceItem
from quartzdb.cli.importing.source import BadLine, ImportLine
from quartzdb.cli.parquet.columns import CONTENT_TYPE, EXPIRES_AT, KEY, VALUE, VERSION, moments
from quartzdb.cli.parquet.library import pyarrow
from quartzdb.cli.parquet.reading import ParquetFile

_REQUIRED = (KEY, VALUE)
_KNOWN = (KEY, VALUE, CONTENT_TYPE, EXPIRES_AT)


class ParquetItems:
    """Positions are rows from 1. Values are binary or text, ends are timestamps."""

    def __init__(self, file: ParquetFile) -> None:
        """Raises Failure where a column is missing, not known, or of another type."""
        self._file = file
        names = file.schema.names
        shown = ", ".join(_KNOWN)
        for name in _REQUIRED:
            if name not in names:
                raise Failure(f"The file has no column {name!r}.", hint=f"Key-values have {shown}.")
        for name in names:
            if name not in {*_KNOWN, VERSION}:
                raise Failure(f"{name!r} is no field of a key-value.", hint=f"They have {shown}.")
        types = pyarrow().types
        for name in names:
            kind = file.schema.field(name).type
            text = types.is_string(kind) or types.is_large_string(kind)
            fitting = {
                VALUE: text or types.is_binary(kind) or types.is_large_binary(kind),
                EXPIRES_AT: types.is_timestamp(kind),
            }.get(name, text)
            if not fitting:
                wanted = {VALUE: "binary or text", EXPIRES_AT: "a timestamp"}.get(name, "text")
                raise Failure(f"The column {name!r} is {kind}, not {wanted}.")
        self._columns = [name for name in _KNOWN if name in names]

    @property
    def total(self) -> int | None:
        """The rows."""
        return self._file.rows

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows row `after`."""
        for before, batch in self._file.batches(after, self._columns):
            columns = {name: _cells(batch.column(name), name) for name in self._columns}
            for place in range(batch.num_rows):
                content: SourceItem | BadLine
                try:
                    content = _item({name: cells[place] for name, cells in columns.items()})
                except BadLine as bad:
                    content = bad
                yield ImportLine(before + place + 1, before + place + 1, content, "Row")


def _cells(array: Any, name: str) -> list[Any]:
    if name == EXPIRES_AT:
        return list(moments(array))
    return list(array.to_pylist())


def _item(row: dict[str, Any]) -> SourceItem:
    for name in _REQUIRED:
        if row[name] is None:
            raise BadLine(f"the {name} is null")
    value = row[VALUE]
    return SourceItem(
        row[KEY],
        value.encode() if isinstance(value, str) else value,
        row.get(CONTENT_TYPE),
        row.get(EXPIRES_AT),
    )
