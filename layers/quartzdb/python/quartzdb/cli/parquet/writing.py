"""Writing an export as Parquet: one pass over pages, of which a row group is in memory at a time.

Numbers are not compressed, because vectors hardly can be; text is, by Snappy, which every reader has. Pages have
checksums, so that an import notices a damaged one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import orjson

from quartzdb.cli.failure import Failure
from quartzdb.cli.parquet.columns import (
    CONTENT_TYPE,
    EXPIRES_AT,
    HEADER_KEY,
    ID,
    KEY,
    METADATA,
    RECORD_EXPIRES_AT,
    VALUE,
    VECTOR,
    VERSION,
    key_value_schema,
    record_schema,
)
from quartzdb.cli.parquet.library import pyarrow

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.domain.record import Record
    from quartzdb.storage.ports import Item

ROW_GROUP_BYTES = 32 * 1024 * 1024
"""About what is held in memory before it is written, and what a reader that goes on in the middle begins with."""
ROW_GROUP_ROWS_MAX = 100_000
_ROW_BYTES = 128
"""Of a row without its vector, metadata or value, about."""
_TEXTS = (ID, METADATA, VERSION, KEY, VALUE, CONTENT_TYPE)


class ParquetExport:
    """Rows are added page by page, records or key-values as the export's kind is."""

    def __init__(self, writer: Any, schema: Any, row_group_bytes: int) -> None:
        self._writer = writer
        self._schema = schema
        self._row_group_bytes = row_group_bytes
        self._pending: list[Any] = []
        self._pending_bytes = self._pending_rows = 0

    def add_records(self, records: Sequence[Record]) -> None:
        """Raises Failure for a vector that 16 bits cannot hold."""
        encoded = [orjson.dumps(dict(one.metadata)).decode() if one.metadata else None for one in records]
        columns: dict[str, Any] = {
            ID: [one.id for one in records],
            METADATA: encoded,
            RECORD_EXPIRES_AT: [one.expires_at_ms for one in records],
            VERSION: [str(one.version) for one in records],
        }
        size = sum(len(text or "") for text in encoded)
        if VECTOR in self._schema.names:
            matrix = self._matrix(records)
            columns[VECTOR] = pyarrow().FixedSizeListArray.from_arrays(
                matrix.reshape(-1), type=self._schema.field(VECTOR).type
            )
            size += matrix.nbytes
        self._add(columns, len(records), size)

    def add_items(self, items: Sequence[Item]) -> None:
        """Live ones, with their values."""
        columns = {
            KEY: [one.key for one in items],
            VALUE: [one.value or b"" for one in items],
            CONTENT_TYPE: [one.content_type for one in items],
            EXPIRES_AT: [one.expires_at_ms for one in items],
            VERSION: [str(one.version) for one in items],
        }
        self._add(columns, len(items), sum(len(one.value or b"") for one in items))

    def _matrix(self, records: Sequence[Record]) -> Any:
        vectors = np.stack([one.vector for one in records]).astype(np.float32, copy=False)
        if self._schema.field(VECTOR).type.value_type != pyarrow().float16():
            return vectors
        with np.errstate(over="ignore"):
            halves = vectors.astype(np.float16)
        fitting = np.isfinite(halves).all(axis=1)
        if not fitting.all():
            raise Failure(
                f"The vector of the record {records[int(np.argmin(fitting))].id!r} has a number over 65,504, "
                "which 16 bits do not hold.",
                hint="Export 32-bit floats: --vectors f32",
            )
        return halves

    def _add(self, columns: Mapping[str, Any], rows: int, size: int) -> None:
        if not rows:
            return
        self._pending.append(pyarrow().record_batch(dict(self._ordered(columns)), schema=self._schema))
        self._pending_rows += rows
        self._pending_bytes += size + rows * _ROW_BYTES
        if self._pending_bytes >= self._row_group_bytes or self._pending_rows >= ROW_GROUP_ROWS_MAX:
            self.flush()

    def _ordered(self, columns: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for field in self._schema:
            given = columns[field.name]
            yield field.name, given if field.name == VECTOR else pyarrow().array(given, type=field.type)

    def flush(self) -> None:
        """Write what is pending as a row group."""
        if self._pending:
            table = pyarrow().Table.from_batches(self._pending, schema=self._schema)
            self._pending.clear()
            self._pending_bytes = self._pending_rows = 0
            self._writer.write_table(table, row_group_size=ROW_GROUP_ROWS_MAX)


@contextmanager
def parquet_export(
    file: IO[bytes],
    kind: str,
    namespace: Namespace,
    *,
    vectors: str = "f32",
    header: bytes | None,
    row_group_bytes: int = ROW_GROUP_BYTES,
) -> Iterator[ParquetExport]:
    """Writes to the file from its first byte on, never back: a pipe will do. `header`: JSON for HEADER_KEY."""
    pa = pyarrow()
    schema = key_value_schema() if kind == "kv" else record_schema(namespace, vectors)
    if header is not None:
        schema = schema.with_metadata({HEADER_KEY: header})
    sorted_by = KEY if kind == "kv" else ID
    gate = _Gate(file)
    writer = pa.parquet.ParquetWriter(
        pa.PythonFile(gate, mode="w"),
        schema,
        compression={name: "snappy" for name in schema.names if name in _TEXTS},
        use_dictionary=[CONTENT_TYPE] if kind == "kv" else False,
        write_statistics=[sorted_by],
        write_page_checksum=True,
        sorting_columns=[pa.parquet.SortingColumn(schema.get_field_index(sorted_by))],
    )
    export = ParquetExport(writer, schema, row_group_bytes)
    try:
        yield export
        export.flush()
    except BaseException:
        gate.shut = True
        raise
    finally:
        writer.close()


class _Gate:
    """Passes on what is written until it is shut.

    The library's writer ends its file whatever happened, and a pipe that broke off must not look whole.
    """

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._written = 0
        self.shut = False

    def write(self, data: Any) -> int:
        """All of it."""
        if not self.shut:
            self._file.write(data)
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        """Bytes written."""
        return self._written

    def flush(self) -> None:
        """Left to whoever opened the file, as is closing it."""

    def close(self) -> None:
        """Likewise."""
