"""How a file is read: its format and which of its columns is what. Owns which source is made of it."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from quartzdb.domain.values import dataclass

if TYPE_CHECKING:
    from quartzdb.cli.export_header import ExportHeader
    from quartzdb.cli.importing.line_file import LineFile
    from quartzdb.cli.importing.source import ImportSource
    from quartzdb.cli.importing.source_file import SourceBytes
    from quartzdb.cli.parquet.reading import ParquetFile


@dataclass(frozen=True, slots=True)
class Reading:
    """As the options say."""

    format: str
    id_column: str
    vector_column: str
    text_columns: tuple[str, ...]
    ignored_columns: tuple[str, ...]
    ids: Path | None
    id_prefix: str


class OpenedFile:
    """A file of which the header is read first, and then records or key-values."""

    def __init__(self, file: SourceBytes, reading: Reading) -> None:
        self._file = file
        self._reading = reading

    @property
    def header(self) -> ExportHeader | None:
        """What an export says of its namespace; None where it is none. Raises Failure."""
        if self._reading.format == "parquet":
            return self._parquet.header
        return self._lines.header if self._reading.format == "jsonl" else None

    def source(self, kind: str) -> ImportSource:
        """Of `kind` records or kv. Raises Failure."""
        how = self._reading
        if how.format == "parquet":
            return self._parquet_source(kind)
        if how.format == "jsonl":
            from quartzdb.cli.importing.jsonl import JsonLines
            from quartzdb.cli.importing.kv_lines import KeyValueLines

            if kind == "kv":
                return KeyValueLines(self._lines)
            return JsonLines(self._lines, id_field=how.id_column, vector_field=how.vector_column)
        if how.format == "npy":
            from quartzdb.cli.importing.npy_matrix import NpyMatrix

            return NpyMatrix(Path(self._file.place), ids=how.ids, id_prefix=how.id_prefix)
        from quartzdb.cli.importing.csv_table import CsvTable

        return CsvTable(
            self._file,
            delimiter="\t" if how.format == "tsv" else ",",
            id_column=how.id_column,
            vector_column=how.vector_column,
            text_columns=how.text_columns,
            ignored=how.ignored_columns,
        )

    def _parquet_source(self, kind: str) -> ImportSource:
        from quartzdb.cli.parquet.items import ParquetItems
        from quartzdb.cli.parquet.records import ParquetRecords

        if kind == "kv":
            return ParquetItems(self._parquet)
        how = self._reading
        return ParquetRecords(
            self._parquet,
            id_column=how.id_column,
            vector_column=how.vector_column,
            text_columns=how.text_columns,
            ignored=how.ignored_columns,
        )

    @cached_property
    def _lines(self) -> LineFile:
        from quartzdb.cli.importing.line_file import LineFile

        return LineFile(self._file)

    @cached_property
    def _parquet(self) -> ParquetFile:
        from quartzdb.cli.parquet.reading import ParquetFile

        return ParquetFile(self._file.name, self._file.open_bytes)
