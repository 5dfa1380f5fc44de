"""`quartzdb export`: a namespace's records or key-values as JSON lines or Parquet that `quartzdb import` reads back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING

import click

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.output import notice
from quartzdb.cli.output_file import output_file
from quartzdb.cli.progress import progress
from quartzdb.cli.s3_url import FileOrObject, S3Url

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.wiring.embedded import Database


@click.command(
    epilog="""\b
Examples:
  quartzdb export --namespace docs --output docs.jsonl.gz
  quartzdb export --namespace docs | head -1
  quartzdb export --namespace docs --output docs.parquet
  quartzdb export --namespace docs --output s3://bucket/docs.parquet
  quartzdb export --namespace docs --kind kv --output docs-kv.jsonl
  quartzdb import docs.jsonl.gz --namespace copy --create"""
)
@location_options
@click.option("--namespace", "name", required=True, help="What to export.")
@click.option(
    "--output",
    type=FileOrObject(click.Path(dir_okay=False)),
    help="The file to write, or s3://BUCKET/KEY; .gz is compressed. Default: stdout.",
)
@click.option(
    "--kind",
    type=click.Choice(["records", "kv"]),
    default="records",
    show_default=True,
    help="Records or key-values.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["jsonl", "parquet"]),
    help="Default: parquet where the name of the file ends so, else jsonl.",
)
@click.option(
    "--vectors",
    type=click.Choice(["list", "base64", "f32", "f16"]),
    help="In JSON lines a list of numbers (default), or base64 of little-endian f32: half the size, read back faster."
    " In Parquet f32 (default), or rounded to f16: half the size, and no loss where the namespace has f16.",
)
@click.option(
    "--header/--no-header",
    default=True,
    show_default=True,
    help="Have the namespace's settings in it, for `quartzdb import --create`: as the first line, or in Parquet's"
    " metadata.",
)
def export(
    location: DatabaseLocation,
    name: str,
    output: Path | S3Url | None,
    kind: str,
    format_: str | None,
    vectors: str | None,
    header: bool,
) -> None:
    """Write all records of a namespace, one JSON object a line: {"id", "vector", "metadata", "expires_at_ms"}.

    With --kind kv: {"key", "value", "content_type", "expires_at_ms"}, the value in base64. Either way the numbers come
    back bit for bit. A first line has the settings: dimension, metric, engine, precision, shards, and fields that
    are declared as text or sparse. Versions are not in an export: what is imported is a new write.

    With --format parquet: a row each with id, vector, metadata (as JSON), quartzdb_expires_at and quartzdb_version, or
    with key, value, content_type, expires_at and quartzdb_version. Versions are for those who read them: an import
    passes over them.

    What is written during an export may or may not be in it; everything from before it is. The file or object appears
    when it is whole.
    """
    format_ = _checked_format(format_, output)
    vectors = _checked_vectors(format_, vectors)
    database = location.open()
    namespace = find_namespace(database, name)
    if vectors == "f16" and kind == "records" and namespace.settings.precision != "f16":
        notice(f"The vectors of {name} have 32 bits a number, and are rounded to 16.")
    if kind == "kv":
        total, unit = database.namespaces.stats(namespace).keys, "keys"
    else:
        total, unit = database.records.count(namespace), "records"
    done = 0
    with output_file(output) as file, progress(f"exporting {name}", total=total, unit=unit) as report:
        if format_ == "parquet":
            written = _write_parquet(file, database, namespace, kind, vectors=vectors, header=header)
        else:
            written = _write_lines(file, database, namespace, kind, vectors=vectors, header=header)
        for some in written:
            done += some
            report(done)
    if output is not None:
        notice(f"{done:,} {unit} written to {output}")


def _checked_format(given: str | None, output: Path | S3Url | None) -> str:
    suffix = PurePath(output.name).suffix.lower() if output else ""
    format_ = given or ("parquet" if suffix in {".parquet", ".pq"} else "jsonl")
    if format_ == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is nothing for a terminal: give --output, or a pipe.")
    if format_ == "parquet" and suffix == ".gz":
        raise click.UsageError("Parquet is compressed in itself: leave .gz out.")
    return format_


def _checked_vectors(format_: str, given: str | None) -> str:
    choices = ("f32", "f16") if format_ == "parquet" else ("list", "base64")
    if given is not None and given not in choices:
        raise click.UsageError(f"--vectors of {format_} are {' or '.join(choices)}, not {given}.")
    return given or choices[0]


def _write_lines(
    file: IO[bytes], database: Database, namespace: Namespace, kind: str, *, vectors: str, header: bool
) -> Iterator[int]:
    """How many were written, page by page; a page is held in memory."""
    from quartzdb.services.exported_lines import encode_header, key_value_lines, record_lines

    if header:
        file.write(encode_header(kind, namespace))
    cursor: str | None = None
    while True:
        if kind == "kv":
            page = key_value_lines(database.key_values, namespace, cursor)
        else:
            page = record_lines(database.records, namespace, cursor, base64_vectors=vectors == "base64")
        file.writelines(page.lines)
        yield len(page.lines)
        cursor = page.cursor
        if cursor is None:
            return


def _write_parquet(
    file: IO[bytes], database: Database, namespace: Namespace, kind: str, *, vectors: str, header: bool
) -> Iterator[int]:
    """The same; a row group is held in memory."""
    import orjson

    from quartzdb.cli.parquet.writing import parquet_export
    from quartzdb.services.exported_lines import header_document
    from quartzdb.services.exported_pages import item_page, record_page

    settings = orjson.dumps(header_document(kind, namespace)) if header else None
    with parquet_export(file, kind, namespace, vectors=vectors, header=settings) as writing:
        cursor: str | None = None
        while True:
            if kind == "kv":
                items = item_page(database.key_values, namespace, cursor)
                writing.add_items(items.items)
                cursor, count = items.cursor, len(items.items)
            else:
                records = record_page(database.records, namespace, cursor)
                writing.add_records(records.items)
                cursor, count = records.cursor, len(records.items)
            yield count
            if cursor is None:
                return
