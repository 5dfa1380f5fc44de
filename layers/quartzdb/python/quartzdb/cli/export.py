"""`quartzdb export`: a namespace's records or key-values as JSON lines that `quartzdb import` reads back."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.export_header import encode_header
from quartzdb.cli.output import notice
from quartzdb.cli.output_file import output_file
from quartzdb.cli.progress import progress

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.wiring.embedded import Database

_RECORDS_AT_ONCE = 1_000
_KEYS_AT_ONCE = 20
"""Values may have 10 MiB each, and a page is held in memory."""


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
    if kind == "kv":
        total, unit, lines = (
            database.namespaces.stats(namespace).keys,
            "keys",
            key_value_lines(database, namespace),
        )
    else:
        total, unit = database.records.count(namespace), "records"
        lines = record_lines(database, namespace, base64_vectors=vectors == "base64")
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


def record_lines(database: Database, namespace: Namespace, *, base64_vectors: bool) -> Iterator[bytes]:
    """Its records, a line each; a page is held in memory."""
    from quartzdb.domain.vector import to_base64

    cursor: str | None = None
    while True:
        page = database.records.list(namespace, cursor=cursor, limit=_RECORDS_AT_ONCE)
        found = database.records.fetch(namespace, page.items) if page.items else {}
        for record_id in page.items:
            record = found.get(record_id)
            if record is None:
                continue  # deleted since it was listed
            document: dict[str, Any] = {
                "id": record.id,
                "vector": to_base64(record.vector) if base64_vectors else record.vector,
            }
            if record.metadata:
                document["metadata"] = dict(record.metadata)
            yield orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE)
        cursor = page.cursor
        if cursor is None:
            return


def key_value_lines(database: Database, namespace: Namespace) -> Iterator[bytes]:
    """Its key-values, a line each; a page is held in memory."""
    cursor: str | None = None
    while True:
        page = database.key_values.list(namespace, cursor=cursor, limit=_KEYS_AT_ONCE, values=True)
        for item in page.items:
            document: dict[str, Any] = {
                "key": item.key,
                "value": base64.b64encode(item.value or b"").decode("ascii"),
                "content_type": item.content_type,
            }
            if item.expires_at_ms is not None:
                document["expires_at_ms"] = item.expires_at_ms
            yield orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
        cursor = page.cursor
        if cursor is None:
            return
