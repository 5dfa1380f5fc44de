"""`quartzdb erase` and `quartzdb erasures`: a deletion that also leaves the files, and how far that is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.json_text import parsed_object
from quartzdb.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from quartzdb.services.erasures import Report

_namespace_option = click.option("--namespace", "name", required=True, help="Where they are.")


@click.command(
    epilog="""\b
Examples:
  quartzdb erase dune emma --namespace books
  quartzdb erase --namespace books --filter '{"author": "J. Doe"}'
  quartzdb erase --namespace books --key greeting --key farewell"""
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@location_options
@_namespace_option
@click.option("--filter", "filter_text", metavar="JSON", help="Instead of ids: all whose metadata match.")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Instead of ids: a key. May be repeated.")
@json_option
def erase(
    location: DatabaseLocation,
    ids: Sequence[str],
    name: str,
    filter_text: str | None,
    keys: Sequence[str],
    as_json: bool,
) -> None:
    """Delete records or keys now, and have all files rewritten without them.

    The server of the directory does that, or the schedule on AWS: `quartzdb erasures` says how far it is.
    """
    if bool(ids) + bool(keys) + (filter_text is not None) != 1:
        raise click.UsageError("Give either ids, --key or --filter.")
    condition = None if filter_text is None else parsed_object(filter_text, "--filter")
    database = location.open()
    namespace = find_namespace(database, name)
    deleted, more, begun_ids = 0, True, []
    while more:
        if condition is not None:
            from quartzdb.domain.filter import parse

            begun = database.erasures.of_matching(namespace, parse(condition))
        elif keys:
            begun = database.erasures.of_keys(namespace, list(dict.fromkeys(keys)))
        else:
            begun = database.erasures.of_ids(namespace, list(dict.fromkeys(ids)))
        more = begun.more
        deleted += begun.erasure.records + begun.erasure.keys
        begun_ids.append(begun.erasure.id)
    if as_json:
        print_json({"erasures": begun_ids, "deleted": deleted})
    else:
        click.echo(f"{deleted:,} are deleted, and are being erased: {', '.join(begun_ids)}.")


@click.command(
    epilog="""\b
Example:
  quartzdb erasures --namespace books"""
)
@location_options
@_namespace_option
@json_option
def erasures(location: DatabaseLocation, name: str, as_json: bool) -> None:
    """List what was erased in a namespace, and what is gone from where."""
    database = location.open()
    namespace = find_namespace(database, name)
    found: list[Report] = []
    cursor: str | None = None
    while True:
        page = database.erasures.list(namespace, cursor=cursor, limit=1_000)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    if as_json:
        print_json(
            {
                "erasures": [
                    {
                        "id": one.erasure.id,
                        "requested_at": _time(one.erasure.at_ms),
                        "deleted": one.erasure.records + one.erasure.keys,
                        "gone": [place.name for place in one.places if place.gone],
                        "pending": [place.name for place in one.places if not place.gone],
                    }
                    for one in found
                ]
            }
        )
        return
    print_table(
        ("ID", "REQUESTED", "DELETED", "PENDING"),
        [
            (
                one.erasure.id,
                _time(one.erasure.at_ms),
                str(one.erasure.records + one.erasure.keys),
                ", ".join(place.name for place in one.places if not place.gone) or "nothing",
            )
            for one in found
        ],
    )


def _time(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1_000, UTC).isoformat(timespec="seconds")
