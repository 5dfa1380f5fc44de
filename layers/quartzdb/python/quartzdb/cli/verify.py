"""`quartzdb verify`: reads every byte of a database back and lists what is damaged."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import may_write, require_database
from quartzdb.cli.database_location import DatabaseLocation, DataDirectory, location_options
from quartzdb.cli.output import json_option, print_facts, print_json, size_text

if TYPE_CHECKING:
    from quartzdb.wiring.embedded import Database


@click.command(
    epilog="""\b
Examples:
  quartzdb verify
  quartzdb verify --json | jq '.damages'
  quartzdb verify --table NAME --bucket NAME"""
)
@location_options
@json_option
def verify(location: DatabaseLocation, as_json: bool) -> None:
    """Check that everything in the database is as it was written.

    Compares each segment file with the size and checksum in its manifest, decodes every log entry, and checks that
    segments, manifests and the log agree; in a data directory, SQLite's own check of its files comes first. Changes
    nothing, and may run beside a server or deployment. Exits with status 1 and lists what is damaged, if anything is.
    Reads every byte, so it takes as long as the disk does, or as the download.
    """
    from quartzdb.domain.errors import Corrupted

    damages = _damaged_files(location)
    seen = {"namespaces": 0, "segments": 0, "files": 0, "bytes": 0, "rows": 0, "log_entries": 0}
    # With a damaged SQLite file nothing further can be trusted, or even opened.
    if not damages:
        try:
            database = location.open()
        except Corrupted as error:
            where = location.path if isinstance(location, DataDirectory) else location
            damages = [{"namespace": None, "where": str(where), "problem": error.message}]
        else:
            damages = _verify_namespaces(database, seen)
    if as_json:
        print_json({"ok": not damages, **seen, "damages": damages})
    else:
        _print(damages, seen)
    if damages:
        sys.exit(1)


def _damaged_files(location: DatabaseLocation) -> list[dict[str, str | None]]:
    if not isinstance(location, DataDirectory):
        return []
    require_database(location.path)
    from quartzdb.wiring.embedded import database_file_problems

    found = database_file_problems(location.path, read_only=not may_write(location.path))
    return [
        {"namespace": None, "where": str(path), "problem": problem}
        for path, problems in found.items()
        for problem in problems
    ]


def _verify_namespaces(database: Database, seen: dict[str, int]) -> list[dict[str, str | None]]:
    from quartzdb.maintenance.verification import Verification

    verification = Verification(database.log, database.store)
    damages: list[dict[str, str | None]] = []
    for namespace in database.catalog.all_namespaces():
        found = verification.of(namespace)
        if found.damages and database.catalog.get(namespace.tenant, namespace.name) != namespace:
            continue  # deleted while it was being read
        seen["namespaces"] += 1
        for name in ("segments", "files", "bytes", "rows", "log_entries"):
            seen[name] += getattr(found, name)
        damages += [
            {"namespace": damage.namespace, "where": damage.where, "problem": damage.problem}
            for damage in found.damages
        ]
    return damages


def _print(damages: list[dict[str, str | None]], seen: dict[str, int]) -> None:
    print_facts(
        {
            "namespaces": f"{seen['namespaces']:,}",
            "segments": f"{seen['segments']:,} with {seen['rows']:,} rows",
            "files read": f"{seen['files']:,} ({size_text(seen['bytes'])})",
            "log entries": f"{seen['log_entries']:,}",
        }
    )
    if not damages:
        click.echo("All is well.")
        return
    click.echo(f"{len(damages)} damaged:")
    for damage in damages:
        click.echo(f"  {damage['where']}: {damage['problem']}")
    click.echo(
        "What is damaged is not served: a reader falls back to the snapshot before it where that is whole. "
        "Restore the data from a backup (on AWS: docs/runbook.md), or import them again."
    )
