"""`quartzdb records`: single records by id. Many at once are what `quartzdb import` and `quartzdb export` are for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.duration import Duration
from quartzdb.cli.failure import NOT_FOUND, Failure
from quartzdb.cli.json_text import given_vector, parsed, parsed_object
from quartzdb.cli.listing import listing_options, pages, tell_of_more
from quartzdb.cli.output import json_option, notice, print_json

if TYPE_CHECKING:
    from quartzdb.domain.filter import Filter
    from quartzdb.domain.record import Record
    from quartzdb.services.page import Page

_FETCHED_AT_ONCE = 1_000
namespace_option = click.option("--namespace", "name", required=True, help="Where they are.")


@click.group()
def records() -> None:
    """Get, put, patch, delete, list and count records."""


@records.command(
    epilog="""\b
Examples:
  quartzdb records get dune emma --namespace books
  quartzdb records get dune --namespace books --vectors --json | jq '.records[0].vector'"""
)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@location_options
@namespace_option
@click.option("--vectors", "with_vectors", is_flag=True, help="With their vectors.")
@json_option
def get(location: DatabaseLocation, ids: Sequence[str], name: str, with_vectors: bool, as_json: bool) -> None:
    """Print the records with these IDs, one JSON object a line. Exits with status 3 where one is not there."""
    database = location.open()
    namespace = find_namespace(database, name)
    wanted = list(dict.fromkeys(ids))
    found: dict[str, Record] = {}
    for start in range(0, len(wanted), _FETCHED_AT_ONCE):
        found |= database.records.fetch(namespace, wanted[start : start + _FETCHED_AT_ONCE])
    present = [_document(found[one], with_vectors) for one in wanted if one in found]
    missing = [one for one in wanted if one not in found]
    if as_json:
        print_json({"records": present, "missing": missing})
    else:
        for document in present:
            click.echo(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY).decode())
        for one in missing:
            notice(f"There is no record {one!r}.")
    if missing:
        sys.exit(NOT_FOUND)


@records.command(
    epilog="""\b
Examples:
  quartzdb records put dune --namespace books --vector '[0.9, 0.1, 0.0]' --metadata '{"year": 1965}'
  quartzdb records put draft --namespace books --vector '[0.9, 0.1, 0.0]' --ttl 12h
  quartzdb records put logo --namespace images --vector-file logo.npy
  quartzdb records put dune --namespace notes --metadata '{"body": "Of Arrakis."}'   where there are no vectors"""
)
@click.argument("record_id", metavar="ID")
@location_options
@namespace_option
@click.option("--vector", metavar="JSON", help="A JSON list of numbers, or base64 of little-endian f32.")
@click.option(
    "--vector-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The same in a file: JSON, base64, or .npy.",
)
@click.option("--metadata", metavar="JSON", help="A JSON object. Default: none.")
@click.option("--ttl", type=Duration(), help="How long it is kept, as in 90s or 30d. Default: for ever.")
@json_option
def put(
    location: DatabaseLocation,
    record_id: str,
    name: str,
    vector: str | None,
    vector_file: Path | None,
    metadata: str | None,
    ttl: int | None,
    as_json: bool,
) -> None:
    """Write the record ID; it replaces what the id had, and when that was to expire."""
    if vector is not None and vector_file is not None:
        raise click.UsageError("Give --vector or --vector-file, not both.")
    fields = {} if metadata is None else parsed_object(metadata, "--metadata")
    numbers = given_vector(vector, vector_file)
    database = location.open()
    from quartzdb.domain.vector import NO_VECTOR
    from quartzdb.services.record_expiry import asked_moment
    from quartzdb.services.record_rules import NewRecord

    moment = asked_moment(ttl, None, database.clock.unix_ms())
    record = NewRecord(record_id, NO_VECTOR if numbers is None else numbers, fields, moment)
    version = database.records.upsert(find_namespace(database, name), [record])
    if as_json:
        print_json({"id": record_id, "version": str(version)})
    else:
        click.echo(f"{record_id} is written.")


@records.command(
    epilog="""\b
Examples:
  quartzdb records patch dune --namespace books --set '{"year": 1966}' --unset draft
  quartzdb records patch dune --namespace books --keep"""
)
@click.argument("record_id", metavar="ID")
@location_options
@namespace_option
@click.option("--set", "set_", metavar="JSON", help="A JSON object: metadata fields and their new values.")
@click.option("--unset", multiple=True, metavar="FIELD", help="A metadata field to remove. May be repeated.")
@click.option("--ttl", type=Duration(), help="How long it is kept from now on, as in 90s or 30d.")
@click.option("--keep", is_flag=True, help="It no longer expires.")
@json_option
def patch(
    location: DatabaseLocation,
    record_id: str,
    name: str,
    set_: str | None,
    unset: tuple[str, ...],
    ttl: int | None,
    keep: bool,
    as_json: bool,
) -> None:
    """Change metadata fields of the record ID, or when it expires; its vector and its other fields stay."""
    if set_ is None and not unset and ttl is None and not keep:
        raise click.UsageError("Give --set, --unset, --ttl or --keep.")
    if ttl is not None and keep:
        raise click.UsageError("Give --ttl or --keep, not both.")
    fields = {} if set_ is None else parsed_object(set_, "--set")
    database = location.open()
    from quartzdb.services.record_expiry import asked_moment
    from quartzdb.services.record_rules import MetadataPatch

    moment = asked_moment(ttl, None, database.clock.unix_ms())
    version = database.records.patch(
        find_namespace(database, name), [MetadataPatch(record_id, fields, unset, moment, keep)]
    )
    if as_json:
        print_json({"id": record_id, "version": str(version)})
    else:
        click.echo(f"{record_id} is changed.")


@records.command(
    epilog="""\b
Examples:
  quartzdb records delete dune emma --namespace books
  quartzdb records delete --namespace books --filter '{"year": {"$lt": 1900}}'"""
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@location_options
@namespace_option
@click.option("--filter", "filter_text", metavar="JSON", help="Instead of ids: all whose metadata match.")
@click.option("--yes", is_flag=True, help="With --filter: do not ask.")
@json_option
def delete(
    location: DatabaseLocation,
    ids: Sequence[str],
    name: str,
    filter_text: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete the records with these IDs, or all that match a filter. One that is not there is no error."""
    if bool(ids) == (filter_text is not None):
        raise click.UsageError("Give either ids or --filter.")
    condition = _filter(filter_text)
    database = location.open()
    namespace = find_namespace(database, name)
    deleted = 0
    if condition is not None:
        matching = database.records.count(namespace, condition)
        if matching and not yes:
            asked = f"Delete {matching:,} of the {database.records.count(namespace):,} records of {name}?"
            if not click.confirm(asked, err=True):
                raise Failure("Nothing was deleted.")
        more = matching > 0
        while more:
            done = database.records.delete_matching(namespace, condition)
            deleted, more = deleted + done.deleted, done.more
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), _FETCHED_AT_ONCE):
        deleted += database.records.delete(namespace, wanted[start : start + _FETCHED_AT_ONCE]).deleted
    if as_json:
        print_json({"deleted": deleted})
    else:
        click.echo(f"{deleted:,} records are deleted.")


@records.command(
    name="list",
    epilog="""\b
Examples:
  quartzdb records list --namespace books --prefix d --limit 10
  quartzdb records list --namespace books --all | wc -l""",
)
@location_options
@namespace_option
@listing_options("ids")
@json_option
def list_records(
    location: DatabaseLocation,
    name: str,
    prefix: str,
    limit: int,
    everything: bool,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List ids in order, one a line."""
    database = location.open()
    namespace = find_namespace(database, name)
    ids: list[str] = []

    def read(after: str | None, most: int) -> Page[str]:
        return database.records.list(namespace, prefix=prefix, cursor=after, limit=most)

    for page in pages(read, limit=limit, everything=everything, cursor=cursor):
        cursor = page.cursor
        if as_json:
            ids += page.items
        else:
            for one in page.items:
                click.echo(one)
    if as_json:
        print_json({"ids": ids, "cursor": cursor})
    else:
        tell_of_more(cursor)


@records.command(
    epilog="""\b
Example:
  quartzdb records count --namespace books --filter '{"year": {"$gte": 1960}}'"""
)
@location_options
@namespace_option
@click.option("--filter", "filter_text", metavar="JSON", help="Only those whose metadata match.")
@json_option
def count(location: DatabaseLocation, name: str, filter_text: str | None, as_json: bool) -> None:
    """Count records."""
    condition = _filter(filter_text)
    database = location.open()
    found = database.records.count(find_namespace(database, name), condition)
    if as_json:
        print_json({"count": found})
    else:
        click.echo(str(found))


def _filter(text: str | None) -> Filter | None:
    if text is None:
        return None
    from quartzdb.domain.filter import parse

    return parse(parsed(text, "--filter"))


def _document(record: Record, with_vectors: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": record.id,
        "version": str(record.version),
        "metadata": dict(record.metadata),
    }
    if record.expires_at_ms is not None:
        document["expires_at_ms"] = record.expires_at_ms
    if with_vectors and record.vector.size:
        document["vector"] = record.vector
    return document
