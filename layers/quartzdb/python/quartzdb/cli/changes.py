"""`quartzdb changes`: what changed in a namespace, from a cursor on, a line for each change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.output import json_option, print_json

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace
    from quartzdb.services.change_cursor import ChangePlaces, Followed
    from quartzdb.wiring.embedded import Database

_PAGE = 1_000
_PAUSE_SECONDS = 0.2

Document = dict[str, object]
Told = Callable[[Document], None]


@click.command(
    epilog="""\b
Examples:
  quartzdb changes books --from beginning
  quartzdb changes books --follow --json >> changes.jsonl
  quartzdb changes settings --keys --cursor kR0a…"""
)
@click.argument("name", metavar="NAMESPACE")
@location_options
@click.option("--keys", is_flag=True, help="Of key-values instead of records.")
@click.option("--cursor", help="Go on where an earlier run ended. Default: what `--from` says.")
@click.option(
    "--from",
    "begin",
    type=click.Choice(["now", "beginning"]),
    default="now",
    show_default=True,
    help="Without a cursor: from now on, or with the first change that is kept.",
)
@click.option("--follow", is_flag=True, help="Go on until it is interrupted, as changes come.")
@json_option
def changes(
    location: DatabaseLocation,
    name: str,
    keys: bool,
    cursor: str | None,
    begin: str,
    follow: bool,
    as_json: bool,
) -> None:
    """Print what changed in NAMESPACE: upserts, patches, deletions and expiries, in commit order for each shard.

    Says at the end, on stderr, with which cursor to go on; with --json as the last line on stdout, {"cursor"}. A cursor
    that is too old ends with an error: list everything anew.
    """
    from quartzdb.services.change_origin import FROM_NOW, FromOldest

    database = location.open()
    namespace = find_namespace(database, name)
    origin = FromOldest() if begin == "beginning" else FROM_NOW
    feed = database.key_changes if keys else database.record_changes
    places = feed.resume(namespace, cursor) if cursor else feed.begin(namespace, origin)
    page = _keys if keys else _records

    def tell(document: Document) -> None:
        if as_json:
            print_json(document)
        else:
            click.echo("  ".join(str(document[one]) for one in ("at", "kind", "id", "version")))

    try:
        more = True
        while more or follow:
            followed = page(database, namespace, places, tell)
            places, more = followed.places, followed.more
            if follow and not more:
                database.clock.sleep(_PAUSE_SECONDS)
    except KeyboardInterrupt:
        pass  # how `--follow` ends
    last = feed.cursor(namespace, places)
    if as_json:
        print_json({"cursor": last})
    else:
        click.echo(f"cursor: {last}", err=True)


def _records(database: Database, namespace: Namespace, places: ChangePlaces, tell: Told) -> Followed:
    from quartzdb.domain.expired import Expired
    from quartzdb.services.record_changes import RecordEvent

    def take(event: RecordEvent) -> bool:
        change = event.change
        kind = "expire" if isinstance(change, Expired) else type(change).__name__.lower()
        tell({"at": _moment(event.at_ms), "kind": kind, "id": change.id, "version": str(change.version)})
        return True

    return database.record_changes.page(namespace, places, take, _PAGE)


def _keys(database: Database, namespace: Namespace, places: ChangePlaces, tell: Told) -> Followed:
    from quartzdb.services.key_changes import KeyEvent

    def take(event: KeyEvent) -> bool:
        item = event.item
        tell(
            {
                "at": _moment(event.at_ms),
                "kind": str(event.kind),
                "id": item.key,
                "version": str(item.version),
            }
        )
        return True

    return database.key_changes.page(namespace, places, take)


def _moment(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1_000, UTC).isoformat(timespec="milliseconds")
