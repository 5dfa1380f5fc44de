"""Reading a Parquet file: what it says of itself, and its rows from any of them on, a batch in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, BinaryIO

from quartzdb.cli.export_header import ExportHeader, header_in_parquet
from quartzdb.cli.failure import Failure
from quartzdb.cli.parquet.columns import HEADER_KEY
from quartzdb.cli.parquet.library import pyarrow

_READ_BYTES = 8 * 1024 * 1024
"""Of a column at a time. A row group is never read whole: some files are one row group."""
_BATCH_BYTES = 16 * 1024 * 1024
_BATCH_ROWS_MAX = 1_000


class ParquetFile:
    """A file that can be opened again and again, each time from its first byte."""

    def __init__(self, name: str, opened: Callable[[], AbstractContextManager[BinaryIO]]) -> None:
        """Raises Failure where it is no Parquet file, or one of an export that cannot be read."""
        self._name = name
        self._opened = opened
        with self._reading() as reader:
            metadata = reader.metadata
            self.schema = reader.schema_arrow
            self._row_groups = [
                (metadata.row_group(place).num_rows, metadata.row_group(place).total_byte_size)
                for place in range(metadata.num_row_groups)
            ]
            header = (metadata.metadata or {}).get(HEADER_KEY)
        self.header: ExportHeader | None = None if header is None else header_in_parquet(header)
        """What an export says of its namespace."""

    @property
    def rows(self) -> int:
        """How many it has."""
        return sum(rows for rows, _ in self._row_groups)

    def batches(self, after: int, columns: list[str]) -> Iterator[tuple[int, Any]]:
        """(rows before it, a pyarrow.RecordBatch) of all that follows row number `after`.

        Raises Failure where the file cannot be read further.
        """
        with self._reading() as reader:
            before = 0
            for place, (rows, size) in enumerate(self._row_groups):
                if before + rows <= after:
                    before += rows
                    continue
                limit = max(1, min(_BATCH_ROWS_MAX, _BATCH_BYTES * rows // max(size, 1)))
                for batch in reader.iter_batches(limit, [place], columns, use_threads=False):
                    skipped = min(max(after - before, 0), batch.num_rows)
                    if skipped < batch.num_rows:
                        yield before + skipped, batch.slice(skipped)
                    before += batch.num_rows

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        pa = pyarrow()
        with self._opened() as file:
            try:
                yield pa.parquet.ParquetFile(
                    pa.PythonFile(file, mode="r"),
                    pre_buffer=False,
                    buffer_size=_READ_BYTES,
                    page_checksum_verification=True,
                )
            # What pyarrow finds wrong in a page is an OSError of no number; one of the system has its number.
            except (pa.ArrowException, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                raise Failure(
                    f"{self._name} is no Parquet file, or a damaged one: {str(error).rstrip('.')}.",
                    hint="Copy it again from where it comes from, or write it anew.",
                ) from error
