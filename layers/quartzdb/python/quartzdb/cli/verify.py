"""`quartzdb verify`: reads every byte of a database back and lists what is damaged."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.database_location import DatabaseLocation, DataDirectory, location_options
from quartzdb.cli.failure import Failure
from quartzdb.cli.output import json_option, print_facts, print_json, size_text

if TYPE_CHECKING:
    from quartzdb.wiring.embedded import Database

DATABASE_FILES = ("catalog.db", "keyvalue.db", "log.db")
_PROBLEMS_MAX = 10


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
    damages: list[dict[str, str | None]] = [
        {"namespace": None, "where": str(path), "problem": problem}
        for path in _database_files(location)
        for problem in database_file_problems(path)
    ]
    seen = {"namespaces": 0, "segments": 0, "files": 0, "bytes": 0, "rows": 0, "log_entries": 0}
    # With a damaged SQLite file nothing further can be trusted, or even opened.
    if not damages:
        damages = _verify_namespaces(location.open(), seen)
    if as_json:
        print_json({"ok": not damages, **seen, "damages": damages})
    else:
        _print(damages, seen)
    if damages:
        sys.exit(1)


def database_file_problems(path: Path) -> list[str]:
    """What SQLite's own integrity check finds wrong with a file; empty when all is well."""
    if not path.is_file():
        return ["the file is missing"]
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=30)
        try:
            found = connection.execute(f"PRAGMA integrity_check({_PROBLEMS_MAX})").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return [str(error)]
    return [str(row[0]) for row in found if row[0] != "ok"]


def _database_files(location: DatabaseLocation) -> list[Path]:
    if not isinstance(location, DataDirectory):
        return []
    if not (location.path / "catalog.db").is_file():
        raise Failure(f"There is no database in {location.path}.", hint="Name its directory with --data-dir.")
    return [location.path / name for name in DATABASE_FILES]


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
