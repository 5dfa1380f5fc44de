"""The command `quartzdb import`."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.failure import CONFLICT, INTERRUPTED, Failure
from quartzdb.cli.importing.source_file import FORMATS, SourceBytes, SourceFile
from quartzdb.cli.importing.source_object import SourceObject
from quartzdb.cli.namespace_settings import settings_options
from quartzdb.cli.numbers import WholeNumber
from quartzdb.cli.output import json_option, notice, print_json
from quartzdb.cli.progress import progress
from quartzdb.cli.s3_url import FileOrObject, S3Url

if TYPE_CHECKING:
    from quartzdb.cli.export_header import ExportHeader
    from quartzdb.cli.importing.checkpoint import ImportCheckpoint
    from quartzdb.cli.importing.run import Imported
    from quartzdb.domain.namespace import Namespace

_NAMED = {"records": "records", "kv": "key-values"}
_UNITS = {"records": "records", "kv": "keys"}
_SETTINGS = ("metric", "precision", "engine", "shards", "purge_after_days", "text", "sparse", "key_history")


@click.command(
    name="import",
    epilog="""\b
Examples:
  quartzdb import base.jsonl --namespace docs --create
  quartzdb import books.csv.gz --namespace books --id-column isbn --text-column isbn --skip-bad
  quartzdb import notes.csv --namespace notes --create --text title --text body
  quartzdb import base.npy --namespace bench --create --metric dot --id-prefix row-
  quartzdb import docs.parquet --namespace docs --create --id-column doc_id --vector-column embedding
  quartzdb import s3://bucket/docs.parquet --namespace docs --create
  quartzdb import docs-kv.jsonl --namespace docs --kind kv
  quartzdb import docs.jsonl.gz --namespace docs8 --create --shards 8 --override-header
  zcat base.jsonl.gz | jq -c 'select(.metadata.year > 1960)' | quartzdb import - --namespace docs

\b
A line of JSONL:  {"id": "dune", "vector": [0.9, 0.1, 0.0], "metadata": {"year": 1965}}
A header of CSV:  id,vector,year            with the vector as "[0.9, 0.1, 0.0]" or base64 of little-endian f32
              or  id,v0,v1,v2,year
              or  id,title,body,quartzdb_expires_at    for a namespace that is searched by words alone
Columns of Parquet:  id (text), vector (list of floats), metadata (text with JSON), and others as metadata""",
)
@click.argument("file", type=FileOrObject(click.Path(exists=True, dir_okay=False, allow_dash=True)))
@location_options
@click.option("--namespace", "name", required=True, help="Where to write.")
@click.option(
    "--kind",
    type=click.Choice(["records", "kv"]),
    help="Records or key-values. Default: what the header of an export says, else records.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="Default: by the file's name; jsonl for standard input.",
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
    help="A column of CSV or Parquet that is text, also where it looks like a number. May be repeated.",
)
@click.option(
    "--ignore-column",
    "ignored_columns",
    multiple=True,
    metavar="NAME",
    help="A column of CSV or Parquet that becomes no metadata. May be repeated.",
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
@settings_options("Of a namespace that is created. Default: what the header of an export says, else")
@click.option(
    "--override-header",
    is_flag=True,
    help="Where the header of an export says otherwise than the options or the namespace that is there, they win.",
)
@click.option(
    "--batch", type=WholeNumber(1, 1_000), default=500, show_default=True, help="Records per write."
)
@click.option(
    "--resume/--no-resume",
    " /--restart",
    default=True,
    show_default=True,
    help="Go on where an interrupted import of the same file stopped, or begin with its first line again.",
)
@click.option(
    "--skip-bad", is_flag=True, help="Pass over bad lines and count them, instead of stopping at the first."
)
@json_option
def import_(
    file: Path | S3Url,
    location: DatabaseLocation,
    name: str,
    kind: str | None,
    format_: str | None,
    id_column: str,
    vector_column: str,
    text_columns: tuple[str, ...],
    ignored_columns: tuple[str, ...],
    ids: Path | None,
    id_prefix: str,
    create: bool,
    override_header: bool,
    batch: int,
    resume: bool,
    skip_bad: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Write the records in FILE to a namespace; `-` is standard input, s3://BUCKET/KEY an object of S3.

    A record replaces what its id had before, so importing a file twice changes nothing. An import that was interrupted
    goes on where it stopped when the same command is given again; how far it got is kept in the data directory, or
    for a database on AWS in this user's cache. A file that has changed since is refused, unless --restart begins with
    its first line. A pipe cannot be gone on with: importing it again begins with its first line. FILE may be compressed
    with gzip, except for .npy and Parquet.

    An export begins with a line that has the settings of its namespace. With --create they become those of the new
    one; where they contradict the options or a namespace that is there, nothing is written but with --override-header.
    """
    source_file: SourceBytes = SourceObject(file) if isinstance(file, S3Url) else SourceFile(file)
    format_ = _checked_format(source_file, kind, format_)
    typed = click.get_current_context().get_parameter_source("resume") is ParameterSource.COMMANDLINE
    if source_file.is_stream and resume and typed:
        raise click.UsageError(
            f"{source_file.name} is a stream, which cannot be gone on with in the middle: leave --resume out."
        )
    from quartzdb.cli.importing.begun_source import BegunSource
    from quartzdb.cli.importing.reading import OpenedFile, Reading
    from quartzdb.cli.importing.run import ImportRun, KeyValueTarget, RecordTarget, Target
    from quartzdb.cli.importing.target_namespace import target_namespace

    reading = Reading(format_, id_column, vector_column, text_columns, ignored_columns, ids, id_prefix)
    # Before anything of it is read: what is changed afterwards is noticed at the end.
    state = None if source_file.is_stream else source_file.state()
    opened = OpenedFile(source_file, reading)
    header = opened.header
    kind = _checked_kind(source_file, kind, header)
    if header is not None and header.unknown:
        lost = ", ".join(f"{setting} {value}" for setting, value in header.unknown.items())
        notice(f"{source_file.name} has settings that this release does not know, and that are lost: {lost}")
    database = location.open(create=create)
    source = BegunSource(opened.source(kind))
    namespace = target_namespace(
        database,
        name,
        records=source if kind == "records" else None,
        header=header,
        options={setting: settings[setting] for setting in _SETTINGS if settings[setting] is not None},
        override=override_header,
        create=create,
        skip_bad=skip_bad,
    )
    checkpoint, resumed_at = None, 0
    if state is not None:
        checkpoint = _checkpoint(location, source_file, namespace, (kind, reading), state)
        if resume:
            resumed_at = checkpoint.read(source_file.name)
        else:
            checkpoint.clear()
    target: Target = (
        KeyValueTarget(database, namespace)
        if kind == "kv"
        else RecordTarget(database, namespace, exported=header is not None)
    )
    run = ImportRun(source, target, checkpoint, batch=batch, skip_bad=skip_bad, resumed_at=resumed_at)
    noun = "row" if format_ == "parquet" else "line"
    if resumed_at:
        notice(
            f"going on after {noun} {resumed_at:,} of {file}, where an earlier import stopped",
            quiet=as_json,
        )
    begun = time.monotonic()
    unit = _UNITS[kind]
    again = (
        "A stream begins anew when it is imported again; what was written is then written once more."
        if source_file.is_stream
        else "Give the same command again to go on."
    )
    try:
        with progress(
            f"importing {source_file.name}", total=source.total, unit=unit, quiet=as_json
        ) as report:
            done = run.run(report)
    except KeyboardInterrupt:
        raise Failure(
            f"Interrupted after {run.done.written:,} {unit}, which stay.", hint=again, exit_code=INTERRUPTED
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise Failure(
            f"{source_file.name} cannot be read further: {error}. {run.done.written:,} {unit} were written.",
            hint=again,
        ) from error
    if state is not None and source_file.state() != state:
        raise Failure(
            f"{source_file.name} was changed while it was imported; {done.written:,} {unit} were written, "
            "of what it was or of what it is.",
            hint="Import it again when nobody writes to it.",
            exit_code=CONFLICT,
        )
    seconds = time.monotonic() - begun
    _tell(done, name, kind, noun, seconds, as_json=as_json)


def _tell(done: Imported, name: str, kind: str, noun: str, seconds: float, *, as_json: bool) -> None:
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
        f"{done.written:,} {_UNITS[kind]} written to {name} in {seconds:.1f} s "
        f"({done.written / max(seconds, 1e-3):,.0f} a second)."
    )
    if done.skipped:
        click.echo(f"{done.skipped:,} bad {noun}s passed over, the first of them:")
        for line in done.bad_lines:
            click.echo(f"  {line}")


def _checked_format(file: SourceBytes, kind: str | None, given: str | None) -> str:
    format_ = given or file.format
    if format_ is None:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise click.UsageError(
            f"The name {PurePath(file.name).name!r} does not say what is in it: give --format {known}."
        )
    if kind == "kv" and format_ not in {"jsonl", "parquet"}:
        raise click.UsageError("Key-values are imported from JSON lines and Parquet only.")
    if format_ == "parquet" and (file.is_stream or file.suffix == ".gz"):
        raise click.UsageError(
            "A Parquet file has at its end what is in it: it cannot be compressed, nor a pipe. Make a file of it first."
        )
    if format_ == "npy" and isinstance(file, SourceObject):
        raise click.UsageError(
            "A .npy file is mapped: it cannot be an object of S3. Copy it to this machine first."
        )
    if format_ == "npy" and (file.is_stream or file.suffix == ".gz"):
        raise click.UsageError(
            "A .npy file is mapped: it cannot be compressed, nor a pipe. Make a file of it first."
        )
    return format_


def _checked_kind(file: SourceBytes, given: str | None, header: ExportHeader | None) -> str:
    if header is None:
        return given or "records"
    if given is not None and given != header.kind:
        raise Failure(
            f"{file.name} is an export of {_NAMED[header.kind]}, not of {_NAMED[given]}.",
            hint="Leave --kind out.",
        )
    return header.kind


def _checkpoint(
    location: DatabaseLocation,
    file: SourceBytes,
    namespace: Namespace,
    reading: tuple[object, ...],
    state: Mapping[str, Any],
) -> ImportCheckpoint:
    from quartzdb.cli.importing.checkpoint import ImportCheckpoint, identity

    return ImportCheckpoint(
        location.imports, identity(file.place, namespace.generation, repr(reading)), state
    )
