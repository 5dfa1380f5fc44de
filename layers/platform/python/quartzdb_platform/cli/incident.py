"""The command `quartzdb platform incident`: what an operator says on the status page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import data_dir_option
from quartzdb.cli.failure import Failure
from quartzdb.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from quartzdb_platform.domain.availability import Incident
    from quartzdb_platform.status.incidents import Incidents

_TABLE = click.option(
    "--platform-table", metavar="NAME", help="The platform's table on AWS, instead of a data directory."
)
_TEXT = click.option("--text", required=True, help="What people should know now, as a sentence or a few.")


@click.group()
def incident() -> None:
    """Open, update and close incidents on the status page, which shows them within half a minute."""


@incident.command(
    name="open",
    epilog="""\b
Example:
  quartzdb platform incident open "Searches are slow" --text "We are looking into it." """,
)
@click.argument("title")
@_TEXT
@data_dir_option
@_TABLE
@json_option
def open_incident(title: str, text: str, data_dir: Path, platform_table: str | None, as_json: bool) -> None:
    """Say that something goes on; prints its id."""
    with _incidents(data_dir, platform_table) as incidents:
        _tell(incidents.open(title, text), as_json)


@incident.command()
@click.argument("id")
@_TEXT
@data_dir_option
@_TABLE
@json_option
def update(id: str, text: str, data_dir: Path, platform_table: str | None, as_json: bool) -> None:
    """Say more of one that goes on."""
    with _incidents(data_dir, platform_table) as incidents:
        _tell(incidents.update(id, text), as_json)


@incident.command()
@click.argument("id")
@_TEXT
@data_dir_option
@_TABLE
@json_option
def close(id: str, text: str, data_dir: Path, platform_table: str | None, as_json: bool) -> None:
    """Say that one is over."""
    with _incidents(data_dir, platform_table) as incidents:
        _tell(incidents.close(id, text), as_json)


@incident.command(name="list")
@data_dir_option
@_TABLE
@json_option
def list_incidents(data_dir: Path, platform_table: str | None, as_json: bool) -> None:
    """List the newest, those that go on among them."""
    with _incidents(data_dir, platform_table) as incidents:
        found = incidents.newest()
    if as_json:
        print_json({"incidents": [_document(one) for one in found]})
    else:
        rows = [[one.id, one.title, "open" if one.closed_at_ms is None else "closed"] for one in found]
        print_table(["id", "title", "state"], rows)


@contextmanager
def _incidents(data_dir: Path, platform_table: str | None) -> Iterator[Incidents]:
    from quartzdb.adapters.system_clock import SystemClock
    from quartzdb_platform.status.incidents import Incidents

    clock = SystemClock()
    if platform_table is not None:
        from quartzdb_platform.aws_platform import open_aws_table

        yield Incidents(open_aws_table(platform_table), clock)
        return
    from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
    from quartzdb_platform.local_platform import PLATFORM_FILE

    file = data_dir / PLATFORM_FILE
    if not file.exists():
        raise Failure(f"There is no platform in {data_dir}.", hint="Name its directory: --data-dir DIR")
    with SqliteDocuments(file) as table:
        yield Incidents(table, clock)


def _tell(changed: Incident, as_json: bool) -> None:
    if as_json:
        print_json(_document(changed))
    else:
        click.echo(f"{changed.id} is {'open' if changed.closed_at_ms is None else 'closed'}: {changed.title}")


def _document(one: Incident) -> dict[str, object]:
    from quartzdb_platform.domain.times import rfc3339

    return {
        "id": one.id,
        "title": one.title,
        "opened_at": rfc3339(one.opened_at_ms),
        "closed_at": None if one.closed_at_ms is None else rfc3339(one.closed_at_ms),
        "notes": [{"at": rfc3339(note.at_ms), "text": note.text} for note in one.notes],
    }
