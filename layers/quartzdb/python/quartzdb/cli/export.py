"""`quartzdb export`: a namespace's records or key-values as JSON lines that `quartzdb import` reads back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.output import notice
from quartzdb.cli.output_file import output_file
from quartzdb.cli.progress import progress

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.wiring.embedded import Database


@click.command(
    epilog="""\b
Examples:
  quartzdb export --namespace docs --output docs.jsonl.gz
  quartzdb export --namespace docs | head -1
  quartzdb export --namespace docs --kind kv --output docs-kv.jsonl
  quartzdb import docs.jsonl.gz --namespace copy --create"""
)
@location_options
@click.option("--namespace", "name", required=True, help="What to export.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; .gz is compressed. Default: stdout.",
)
@click.option(
    "--kind",
    type=click.Choice(["records", "kv"]),
    default="records",
    show_default=True,
    help="Records or key-values.",
)
@click.option("--format", "format_", type=click.Choice(["jsonl"]), default="jsonl", show_default=True)
@click.option(
    "--vectors",
    type=click.Choice(["list", "base64"]),
    default="list",
    show_default=True,
    help="Vectors as numbers, or as base64 of little-endian f32: half the size, read back faster.",
)
@click.option(
    "--header/--no-header",
    default=True,
    show_default=True,
    help="Begin with a line that has the namespace's settings, for `quartzdb import --create`.",
)
def export(
    location: DatabaseLocation,
    name: str,
    output: Path | None,
    kind: str,
    format_: str,
    vectors: str,
    header: bool,
) -> None:
    """Write all records of a namespace, one JSON object a line: {"id", "vector", "metadata"}.

    With --kind kv: {"key", "value", "content_type", "expires_at_ms"}, the value in base64. Either way the numbers come
    back bit for bit. A first line has the settings: dimension, metric, engine, precision and shards. Versions are not
    in an export: what is imported is a new write.

    What is written during an export may or may not be in it; everything from before it is.
    """
    del format_  # one so far; named so that scripts stay right when there are more
    database = location.open()
    namespace = find_namespace(database, name)
    from quartzdb.services.exported_lines import encode_header

    if kind == "kv":
        total, unit = database.namespaces.stats(namespace).keys, "keys"
    else:
        total, unit = database.records.count(namespace), "records"
    lines = _lines(database, namespace, kind, base64_vectors=vectors == "base64")
    done = 0
    with output_file(output) as file, progress(f"exporting {name}", total=total, unit=unit) as report:
        if header:
            file.write(encode_header(kind, namespace))
        for line in lines:
            file.write(line)
            done += 1
            report(done)
    if output is not None:
        notice(f"{done:,} {unit} written to {output}")


def _lines(database: Database, namespace: Namespace, kind: str, *, base64_vectors: bool) -> Iterator[bytes]:
    """A line for each; a page is held in memory."""
    from quartzdb.services.exported_lines import key_value_lines, record_lines

    cursor: str | None = None
    while True:
        if kind == "kv":
            page = key_value_lines(database.key_values, namespace, cursor)
        else:
            page = record_lines(database.records, namespace, cursor, base64_vectors=base64_vectors)
        yield from page.lines
        cursor = page.cursor
        if cursor is None:
            return
