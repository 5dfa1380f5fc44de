"""The command `quartzdb import`."""

from __future__ import annotations

import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.failure import Failure
from quartzdb.cli.output import json_option, notice, print_json
from quartzdb.cli.progress import progress
from quartzdb.domain.limits import SHARDS_MAX

if TYPE_CHECKING:
    from quartzdb.cli.importing.source import ImportSource
    from quartzdb.domain.namespace import Namespace
    from quartzdb.wiring.embedded import Database

_FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".npy": "npy"}


@click.command(
    name="import",
    epilog="""\b
Examples:
  quartzdb import base.jsonl --namespace docs --create
  quartzdb import books.csv.gz --namespace books --id-column isbn --text-column isbn --skip-bad
  quartzdb import base.npy --namespace bench --create --metric dot --id-prefix row-
  quartzdb import docs-kv.jsonl --namespace docs --kind kv

\b
A line of JSONL:  {"id": "dune", "vector": [0.9, 0.1, 0.0], "metadata": {"year": 1965}}
A header of CSV:  id,vector,year            with the vector as "[0.9, 0.1, 0.0]" or base64 of little-endian f32
              or  id,v0,v1,v2,year""",
)
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@location_options
@click.option("--namespace", "name", required=True, help="Where to write.")
@click.option(
    "--kind",
    type=click.Choice(["records", "kv"]),
    default="records",
    show_default=True,
    help="Records or key-values.",
)
@click.option(
    "--format", "format_", type=click.Choice(["jsonl", "csv", "npy"]), help="Default: by the file's name."
)
@click.option("--id-column", default="id", show_default=True, help="The column or field with the id.")
@click.option(
    "--vector-column", default="vector", show_default=True, help="The column or field with the vector."
)
@click.option(
    "--text-column",
    "text_columns",
    multiple=True,
    metavar="NAME",
    help="A CSV column that stays text even where it looks like a number. May be repeated.",
)
@click.option(
    "--ids",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Ids of the rows of a .npy file, one a line.",
)
@click.option("--id-prefix", default="", help="Without --ids: the id of row 7 of a .npy file is this and 7.")
@click.option(
    "--create",
    is_flag=True,
    help="Create the namespace if it is not there; its dimension is that of the first vector.",
)
@click.option(
    "--metric",
    type=click.Choice(["cosine", "dot", "euclidean"]),
    help="Of a namespace that is created. Default: cosine.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, SHARDS_MAX),
    help="Of a namespace that is created: partitions to spread the records over. Default: 1.",
)
@click.option(
    "--batch", type=click.IntRange(1, 1_000), default=500, show_default=True, help="Records per write."
)
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Go on where an interrupted import of the same file stopped.",
)
@click.option(
    "--skip-bad", is_flag=True, help="Pass over bad lines and count them, instead of stopping at the first."
)
@json_option
def import_(
    file: Path,
    location: DatabaseLocation,
    name: str,
    kind: str,
    format_: str | None,
    id_column: str,
    vector_column: str,
    text_columns: tuple[str, ...],
    ids: Path | None,
    id_prefix: str,
    create: bool,
    metric: str | None,
    shards: int | None,
    batch: int,
    resume: bool,
    skip_bad: bool,
    as_json: bool,
) -> None:
    """Write the records in FILE to a namespace.

    A record replaces what its id had before, so importing a file twice changes nothing. An import that was interrupted
    goes on where it stopped when the same command is given again; how far it got is kept in the data directory, or
    for a database on AWS in this user's cache. FILE may be compressed (.gz), except for .npy.
    """
    format_ = format_ or _format_of(file)
    if kind == "kv" and format_ != "jsonl":
        raise click.UsageError("Key-values are imported from JSON lines only.")
    if format_ == "npy" and file.suffix == ".gz":
        raise click.UsageError("A .npy file cannot be read compressed: unpack it first.")
    database = location.open(create=create)
    from quartzdb.cli.importing.checkpoint import ImportCheckpoint, identity
    from quartzdb.cli.importing.run import ImportRun, KeyValueTarget, RecordTarget, Target

    source = _source(file, kind, format_, id_column, vector_column, text_columns, ids, id_prefix)
    namespace = _namespace(
        database, name, source if kind == "records" else None, metric, shards, create=create
    )
    reading = repr([kind, format_, id_column, vector_column, text_columns, str(ids), id_prefix])
    checkpoint = ImportCheckpoint(location.imports, identity(file, namespace.generation, reading))
    if not resume:
        checkpoint.clear()
    target: Target = (KeyValueTarget if kind == "kv" else RecordTarget)(database, namespace)
    run = ImportRun(source, target, checkpoint, batch=batch, skip_bad=skip_bad)
    if run.done.resumed_at:
        notice(
            f"going on after line {run.done.resumed_at:,} of {file}, where an earlier import stopped",
            quiet=as_json,
        )
    begun = time.monotonic()
    unit = "keys" if kind == "kv" else "records"
    try:
        with progress(f"importing {file.name}", total=source.total, unit=unit, quiet=as_json) as report:
            done = run.run(report)
    except KeyboardInterrupt:
        raise Failure(
            f"Interrupted after {run.done.written:,} {unit}, which stay.",
            hint="Give the same command again to go on.",
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise Failure(
            f"{file} cannot be read further: {error}. {run.done.written:,} {unit} were written.",
            hint="Give the same command again to go on.",
        ) from error
    seconds = time.monotonic() - begun
    if as_json:
        print_json(
            {
                "namespace": name,
                "kind": kind,
                "written": done.written,
                "skipped": done.skipped,
                "resumed_at": done.resumed_at,
                "bad_lines": done.bad_lines,
                "seconds": round(seconds, 3),
            }
        )
        return
    click.echo(
        f"{done.written:,} {unit} written to {name} in {seconds:.1f} s "
        f"({done.written / max(seconds, 1e-3):,.0f} a second)."
    )
    if done.skipped:
        click.echo(f"{done.skipped:,} bad lines passed over, the first of them:")
        for line in done.bad_lines:
            click.echo(f"  {line}")


def _format_of(file: Path) -> str:
    name = file.with_suffix("") if file.suffix == ".gz" else file
    if name.suffix not in _FORMATS:
        raise click.UsageError(
            f"The name {file.name!r} does not say what is in it: give --format jsonl, csv or npy."
        )
    return _FORMATS[name.suffix]


def _source(
    file: Path,
    kind: str,
    format_: str,
    id_column: str,
    vector_column: str,
    text_columns: tuple[str, ...],
    ids: Path | None,
    id_prefix: str,
) -> ImportSource:
    from quartzdb.cli.importing.csv_table import CsvTable
    from quartzdb.cli.importing.jsonl import JsonLines
    from quartzdb.cli.importing.kv_lines import KeyValueLines
    from quartzdb.cli.importing.npy_matrix import NpyMatrix

    if kind == "kv":
        return KeyValueLines(file)
    if format_ == "csv":
        return CsvTable(file, id_column=id_column, vector_column=vector_column, text_columns=text_columns)
    if format_ == "npy":
        return NpyMatrix(file, ids=ids, id_prefix=id_prefix)
    return JsonLines(file, id_field=id_column, vector_field=vector_column)


def _namespace(
    database: Database,
    name: str,
    records: ImportSource | None,
    metric: str | None,
    shards: int | None,
    *,
    create: bool,
) -> Namespace:
    """The namespace to write to; `records` tells the dimension of one that has to be created."""
    from quartzdb.domain.metric import Metric
    from quartzdb.domain.namespace import NamespaceSettings, check_namespace_name
    from quartzdb.wiring.embedded import DEFAULT_TENANT

    check_namespace_name(name)
    if database.catalog.get(DEFAULT_TENANT, name) is not None:
        namespace = find_namespace(database, name)
    elif not create:
        namespace = find_namespace(database, name, hint="Have it created: --create")
    else:
        settings = NamespaceSettings()
        if records is not None:
            settings = NamespaceSettings(_dimension(records), Metric(metric or "cosine"), shards=shards or 1)
        namespace, _ = database.namespaces.create(DEFAULT_TENANT, name, settings)
    if records is not None and metric is not None and namespace.settings.metric != metric:
        raise Failure(
            f"The namespace {name!r} has the metric {namespace.settings.metric}, not {metric}.",
            hint="A metric is fixed at creation. Leave --metric out, or use another namespace.",
        )
    if records is not None and shards is not None and namespace.settings.shards != shards:
        raise Failure(
            f"The namespace {name!r} has {namespace.settings.shards} shards, not {shards}.",
            hint="Their number is fixed at creation. Leave --shards out, or use another namespace.",
        )
    return namespace


def _dimension(source: ImportSource) -> int:
    from quartzdb.cli.importing.source import SourceRecord

    for line in source.lines(0):
        if isinstance(line.content, SourceRecord):
            return int(line.content.vector.size)
    raise Failure(
        "There is no readable record in the file, so there is no dimension to create the namespace with."
    )
