"""`quartzdb kv`: key-values. A value is bytes: as they are on standard input and output, whatever they are."""

from __future__ import annotations

import base64
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.duration import Duration
from quartzdb.cli.listing import listing_options, pages, tell_of_more
from quartzdb.cli.output import json_option, print_json, print_table
from quartzdb.cli.output_file import output_file
from quartzdb.cli.shared_namespace import refuse_where_shared
from quartzdb.domain.limits import VALUE_BYTES_MAX

if TYPE_CHECKING:
    from quartzdb.domain.condition import Condition
    from quartzdb.domain.namespace import Namespace
    from quartzdb.services.page import Page
    from quartzdb.storage.ports import Item

_namespace_option = click.option("--namespace", "name", required=True, help="Where the keys are.")
_if_match_option = click.option(
    "--if-match",
    metavar="VERSION",
    help="Only if the key is at this version. Else status 4, and nothing changes.",
)


@click.group()
def kv() -> None:
    """Get, put, delete and list key-values."""


@kv.command(
    epilog="""\b
Examples:
  quartzdb kv get logo.png --namespace site > logo.png
  quartzdb kv get greeting --namespace site --json | jq -r .version"""
)
@click.argument("key")
@location_options
@_namespace_option
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file to write. Default: stdout."
)
@json_option
def get(location: DatabaseLocation, key: str, name: str, output: Path | None, as_json: bool) -> None:
    """Write the value of KEY to stdout: its bytes, and nothing else. Exits with status 3 where there is none.

    With --json: {"key", "version", "content_type", "expires_at_ms", "value"}, the value in base64.
    """
    if as_json and output is not None:
        raise click.UsageError("Give either --output or --json.")
    database = location.open()
    item = database.key_values.get(find_namespace(database, name), key)
    value = item.value or b""
    if as_json:
        print_json({**_document(item), "value": base64.b64encode(value).decode("ascii")})
        return
    with output_file(output) as file:
        file.write(value)


@kv.command(
    epilog="""\b
Examples:
  quartzdb kv put logo.png --namespace site --content-type image/png < logo.png
  quartzdb kv put greeting --namespace site --value 'good morning' --ttl 12h
  quartzdb kv put lock --namespace site --value me --if-absent"""
)
@click.argument("key")
@location_options
@_namespace_option
@click.option("--value", metavar="TEXT", help="The value as UTF-8 text. Default: what comes on stdin.")
@click.option(
    "--file",
    "value_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The file with the value.",
)
@click.option(
    "--content-type", help="Default: application/octet-stream; text/plain; charset=utf-8 with --value."
)
@click.option("--ttl", type=Duration(), help="How long it is kept, as in 90s or 30d. Default: for ever.")
@_if_match_option
@click.option("--if-absent", is_flag=True, help="Only if there is no such key. Else status 4.")
@json_option
def put(
    location: DatabaseLocation,
    key: str,
    name: str,
    value: str | None,
    value_file: Path | None,
    content_type: str | None,
    ttl: int | None,
    if_match: str | None,
    if_absent: bool,
    as_json: bool,
) -> None:
    """Store a value under KEY: the bytes that come on stdin, unless --value or --file has it."""
    if value is not None and value_file is not None:
        raise click.UsageError("Give either --value or --file.")
    if if_match is not None and if_absent:
        raise click.UsageError("Give either --if-match or --if-absent.")
    database = location.open()
    namespace = find_namespace(database, name)
    from quartzdb.services.keyvalue import DEFAULT_CONTENT_TYPE, NewItem

    match = _match(location, namespace, if_match, if_absent)
    default_type = DEFAULT_CONTENT_TYPE if value is None else "text/plain; charset=utf-8"
    content = value.encode("utf-8", "surrogateescape") if value is not None else _read(value_file)
    item = NewItem(key, content, content_type or default_type, ttl)
    version = database.key_values.put(namespace, item, match=match)
    if as_json:
        print_json({"key": key, "version": str(version), "bytes": len(content)})
    else:
        click.echo(f"{key} is stored: {len(content):,} bytes.", err=True)


@kv.command(epilog="\b\nExample:\n  quartzdb kv delete greeting --namespace site")
@click.argument("key")
@location_options
@_namespace_option
@_if_match_option
@json_option
def delete(location: DatabaseLocation, key: str, name: str, if_match: str | None, as_json: bool) -> None:
    """Delete KEY. One that is not there is no error."""
    database = location.open()
    namespace = find_namespace(database, name)
    match = _match(location, namespace, if_match, if_absent=False)
    version, existed = database.key_values.delete(namespace, key, match=match)
    if as_json:
        print_json({"key": key, "deleted": existed, "version": str(version)})
    else:
        click.echo(f"{key} is deleted." if existed else f"There was no {key}.", err=True)


@kv.command(
    name="list",
    epilog="""\b
Examples:
  quartzdb kv list --namespace site --prefix images/
  quartzdb kv list --namespace site --all --json | jq -r '.items[].key'""",
)
@location_options
@_namespace_option
@listing_options("keys")
@json_option
def list_keys(
    location: DatabaseLocation,
    name: str,
    prefix: str,
    limit: int,
    everything: bool,
    cursor: str | None,
    as_json: bool,
) -> None:
    """List keys in the order of their code points, without their values."""
    database = location.open()
    namespace = find_namespace(database, name)
    items: list[Item] = []

    def read(after: str | None, most: int) -> Page[Item]:
        return database.key_values.list(namespace, prefix=prefix, cursor=after, limit=most)

    for page in pages(read, limit=limit, everything=everything, cursor=cursor):
        items += page.items
        cursor = page.cursor
    if as_json:
        print_json({"items": [_document(item) for item in items], "cursor": cursor})
        return
    print_table(
        ["key", "content type", "expires", "version"],
        [[item.key, item.content_type, _moment(item.expires_at_ms), str(item.version)] for item in items],
    )
    tell_of_more(cursor)


def _match(
    location: DatabaseLocation, namespace: Namespace, if_match: str | None, if_absent: bool
) -> Condition | None:
    if if_match is None and not if_absent:
        return None
    from quartzdb.domain.condition import ABSENT, Condition
    from quartzdb.domain.hlc import Version

    refuse_where_shared(
        location,
        namespace.tenant,
        namespace.name,
        why="and only the active one knows what a key is now",
        hint="Send the condition to that site over HTTP, or write without one: then the later write wins.",
    )
    return ABSENT if if_match is None else Condition.at(Version.parse(if_match.strip('"')))


def _read(file: Path | None) -> bytes:
    """One byte more than a value may have is enough to say that it is too large."""
    if file is None:
        return sys.stdin.buffer.read(VALUE_BYTES_MAX + 1)
    with file.open("rb") as opened:
        return opened.read(VALUE_BYTES_MAX + 1)


def _document(item: Item) -> dict[str, Any]:
    return {
        "key": item.key,
        "version": str(item.version),
        "content_type": item.content_type,
        "expires_at_ms": item.expires_at_ms,
    }


def _moment(at_ms: int | None) -> str:
    return "never" if at_ms is None else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
