"""`quartzdb namespaces`: create, list, describe and delete them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from quartzdb.cli.data_dir import find_namespace
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.failure import Failure
from quartzdb.cli.namespace_settings import settings_options
from quartzdb.cli.numbers import WholeNumber
from quartzdb.cli.output import json_option, print_facts, print_json, print_table, size_text
from quartzdb.cli.shared_namespace import refuse_where_shared
from quartzdb.cli.stats import dimension_text, every_namespace, stats_document
from quartzdb.domain.limits import DIMENSION_MAX

if TYPE_CHECKING:
    from quartzdb.domain.namespace import Namespace


@click.group()
def namespaces() -> None:
    """Create, list, describe and delete namespaces.

    A namespace has records of one dimension and metric, or of text alone, and key-values. Its settings are fixed at
    creation.
    """


@namespaces.command(
    epilog="""\b
Examples:
  quartzdb namespaces create docs --dimension 384
  quartzdb namespaces create images --dimension 768 --metric dot --precision f16 --shards 4
  quartzdb namespaces create articles --dimension 256 --text title --text body=german
  quartzdb namespaces create notes --text body               searched by text alone
  quartzdb namespaces create sessions                        key-values only"""
)
@click.argument("name")
@location_options
@click.option(
    "--dimension",
    type=WholeNumber(1, DIMENSION_MAX),
    help="Numbers in a vector. Default: no vectors, and without --text and --sparse key-values only.",
)
@settings_options("Default:")
@json_option
def create(location: DatabaseLocation, name: str, as_json: bool, **settings: Any) -> None:
    """Create the namespace NAME. One that is there with the same settings stays as it is."""
    from quartzdb.cli.export_header import settings_of

    given = {setting: value for setting, value in settings.items() if value is not None}
    of_records = [setting for setting in given if setting != "key_history"]
    if not given.keys() & {"dimension", "text", "sparse"} and of_records:
        raise click.UsageError(
            f"--{of_records[0].replace('_', '-')} is of records: give --dimension or --text, too."
        )
    wanted = settings_of(given)
    database = location.open(create=True)
    namespace, is_new = database.namespaces.create(database.tenant, name, wanted)
    if as_json:
        print_json({**_document(namespace), "created": is_new})
    else:
        click.echo(
            f"The namespace {name} is created." if is_new else f"The namespace {name} was there already."
        )


@namespaces.command(
    name="list", epilog="\b\nExample:\n  quartzdb namespaces list --json | jq -r '.namespaces[].name'"
)
@location_options
@json_option
def list_namespaces(location: DatabaseLocation, as_json: bool) -> None:
    """List namespaces with their settings, in name order. `quartzdb stats` counts what they hold."""
    found = list(every_namespace(location.open()))
    if as_json:
        print_json({"namespaces": [_document(namespace) for namespace in found]})
        return
    columns = ["namespace", "dimension", "metric", "precision", "engine", "shards", "created"]
    print_table(columns, [_row(namespace) for namespace in found])


@namespaces.command(epilog="\b\nExample:\n  quartzdb namespaces describe docs --json | jq .metric")
@click.argument("name")
@location_options
@json_option
def describe(location: DatabaseLocation, name: str, as_json: bool) -> None:
    """Show the settings of the namespace NAME, and what it holds."""
    database = location.open()
    namespace = find_namespace(database, name)
    held = database.namespaces.stats(namespace)
    if as_json:
        print_json(stats_document(namespace, held))
        return
    settings = namespace.settings
    print_facts(
        {
            "namespace": namespace.name,
            "dimension": dimension_text(settings),
            "text": ", ".join(f"{name} ({one.language})" for name, one in settings.text.items()) or "none",
            "sparse": ", ".join(settings.sparse) or "none",
            "metric": str(settings.metric),
            "precision": str(settings.precision),
            "engine": str(settings.engine),
            "shards": str(settings.shards),
            "purged after": f"{settings.purge_after_days} days",
            "key history": "every change" if settings.key_history else "last states",
            "created": _moment(namespace),
            "records": f"{held.records:,}",
            "keys": f"{held.keys:,} ({size_text(held.key_value_bytes)})",
            "on disk": size_text(held.segment_bytes),
        }
    )
    if held.degraded:
        click.echo(f"DEGRADED: {held.degraded}")


@namespaces.command(
    epilog="""\b
Examples:
  quartzdb namespaces delete docs              asks for the name once more
  quartzdb namespaces delete docs --yes"""
)
@click.argument("name")
@location_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(location: DatabaseLocation, name: str, yes: bool, as_json: bool) -> None:
    """Delete the namespace NAME with all its records and key-values.

    They are out of reach at once, and cannot be brought back but from a backup; the space is given back in the
    background, by a server or the deployment's functions. A namespace that is shared with another site cannot be
    deleted.
    """
    database = location.open()
    namespace = find_namespace(database, name)
    refuse_where_shared(
        location,
        namespace.tenant,
        name,
        why="which would bring it back",
        hint="Delete its records and keys: that reaches the other site, too.",
    )
    if not yes:
        held = database.namespaces.stats(namespace)
        click.echo(
            f"{name} has {held.records:,} records and {held.keys:,} keys. This cannot be undone.", err=True
        )
        typed = click.prompt(
            "Type the name of the namespace to delete it", default="", show_default=False, err=True
        )
        if typed != name:
            raise Failure("Nothing was deleted.", hint=f"The name is {name}; --yes does not ask for it.")
    database.namespaces.delete(namespace.tenant, name)
    if as_json:
        print_json({"name": name, "deleted": True})
    else:
        click.echo(f"The namespace {name} is deleted.")


def _document(namespace: Namespace) -> dict[str, object]:
    from quartzdb.domain.declared_fields import text_document

    settings = namespace.settings
    return {
        "name": namespace.name,
        "dimension": settings.dimension,
        "metric": settings.metric,
        "engine": settings.engine,
        "precision": settings.precision,
        "shards": settings.shards,
        "purge_after_days": settings.purge_after_days,
        "text": text_document(settings.text),
        "sparse": list(settings.sparse),
        "key_history": settings.key_history,
        "created_at_ms": namespace.created_at_ms,
    }


def _row(namespace: Namespace) -> list[str]:
    settings = namespace.settings
    if not settings.holds_records:
        return [namespace.name, "-", "-", "-", "-", "-", _moment(namespace)]
    return [
        namespace.name,
        str(settings.dimension or "-"),
        str(settings.metric) if settings.dimension else "-",
        str(settings.precision),
        str(settings.engine),
        str(settings.shards),
        _moment(namespace),
    ]


def _moment(namespace: Namespace) -> str:
    return f"{datetime.fromtimestamp(namespace.created_at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
