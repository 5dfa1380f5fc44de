"""`quartzdb backup`: backups of a data directory, taken while it is served."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quartzdb.cli.data_dir import data_dir_option, may_write, require_database
from quartzdb.cli.numbers import WholeNumber
from quartzdb.cli.output import json_option, notice, print_facts, print_json, print_table, size_text
from quartzdb.cli.progress import progress

if TYPE_CHECKING:
    from quartzdb.maintenance.backup.document import Backup

_DAMAGES_SHOWN = 20
_destination = click.argument(
    "destination", metavar="DIRECTORY", type=click.Path(path_type=Path, file_okay=False)
)
_name_option = click.option("--name", help="Which backup, as `quartzdb backup list` has it.")


@click.group()
def backup() -> None:
    """Take, list, verify, restore and prune backups of a data directory.

    A database on AWS has point-in-time recovery instead, and `quartzdb restore` for its second half.
    """


@backup.command(
    epilog="""\b
Examples:
  quartzdb backup create /mnt/backups/quartzdb
  quartzdb backup create /mnt/backups/quartzdb --data-dir /var/lib/quartzdb --json
  quartzdb backup create /mnt/backups/quartzdb && quartzdb backup prune /mnt/backups/quartzdb --keep 14"""
)
@_destination
@data_dir_option
@click.option(
    "--copy",
    is_flag=True,
    help="Copy segment files even where they could be hard links, so that damage to one disk block hits one of them.",
)
@json_option
def create(destination: Path, data_dir: Path, copy: bool, as_json: bool) -> None:
    """Back the data directory up into DIRECTORY, whether or not a server is running on it.

    The backup has every write that was acknowledged before it began, and is a state that the database was in. Segment
    files, which never change, are taken once: later backups share them, and copy only what is new besides the recent
    writes, the key-values and the catalog. On the same file system they are hard links, which take no room: that
    protects from mistakes, not from the loss of the disk. A backup that is broken off leaves the earlier ones as they
    were.
    """
    require_database(data_dir)
    here, there = data_dir.resolve(), destination.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise click.UsageError("The backups and the data directory must not lie in one another.")
    from quartzdb.wiring.backup import take_backup

    with progress(f"backing up {data_dir}", total=None, unit="segment files", quiet=as_json) as report:
        made = take_backup(
            data_dir, destination, link=not copy, read_only=not may_write(data_dir), tick=report
        )
    if as_json:
        print_json({"data_dir": str(data_dir), "directory": str(destination), **_document(made)})
        return
    click.echo(
        f"The backup {made.name} is in {destination}: {len(made.files):,} files ({size_text(made.bytes)}), "
        f"{made.copied_files:,} of them new ({size_text(made.copied_bytes)})."
    )


@backup.command(name="list", epilog="\b\nExample:\n  quartzdb backup list /mnt/backups/quartzdb")
@_destination
@json_option
def list_backups(destination: Path, as_json: bool) -> None:
    """List the backups in DIRECTORY, oldest first."""
    from quartzdb.wiring.backup import backups_in

    found = backups_in(destination)
    if as_json:
        print_json({"directory": str(destination), "backups": [_document(one) for one in found]})
        return
    rows = [
        [one.name, f"{len(one.files):,}", size_text(one.bytes), size_text(one.copied_bytes), one.release]
        for one in found
    ]
    print_table(["backup", "files", "size", "new", "release"], rows)


@backup.command(
    epilog="""\b
Examples:
  quartzdb backup verify /mnt/backups/quartzdb
  quartzdb backup verify /mnt/backups/quartzdb --name 2026-11-29T03-00-00Z --json"""
)
@_destination
@_name_option
@json_option
def verify(destination: Path, name: str | None, as_json: bool) -> None:
    """Read every byte of the backups in DIRECTORY, and compare it with what was backed up.

    All of them, or the one that is named. Exits with status 1 where something is damaged.
    """
    from quartzdb.wiring.backup import damaged_files

    with progress(f"verifying {destination}", total=None, unit="files", quiet=as_json) as report:
        backups, damages = damaged_files(destination, name, report)
    if as_json:
        listed = [{"backup": one.backup, "path": one.path, "problem": one.problem} for one in damages]
        print_json({"ok": not damages, "backups": [one.name for one in backups], "damages": listed})
    elif damages:
        click.echo(f"{len(damages):,} damaged:")
        for one in damages[:_DAMAGES_SHOWN]:
            click.echo(f"  {one.backup}: {one.path}: {one.problem}")
    else:
        click.echo(f"All is well: {len(backups):,} backups.")
    if damages:
        sys.exit(1)


@backup.command(
    epilog="""\b
Examples:
  quartzdb backup restore /mnt/backups/quartzdb --data-dir /var/lib/quartzdb-restored
  quartzdb backup restore /mnt/backups/quartzdb --name 2026-11-29T03-00-00Z --data-dir restored"""
)
@_destination
@_name_option
@click.option(
    "--data-dir",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The new data directory: one that is empty, or not there yet.",
)
@click.option(
    "--erasures-of",
    multiple=True,
    metavar="DIRECTORY",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="A data directory, or another one with backups of it, that knows of erasures since. May be repeated. The one"
    " that was backed up is looked at in any case where it is still in its place.",
)
@json_option
def restore(
    destination: Path, name: str | None, data_dir: Path, erasures_of: Sequence[Path], as_json: bool
) -> None:
    """Make a new data directory of a backup in DIRECTORY: the latest, or the one that is named.

    Every byte is checked on the way, what was erased since is erased again, and tenants that were deleted since are
    deleted again; a namespace that was deleted comes back. The directory is a database only when all of that is done.
    Stop the old server before, so that no later erasure is missed, and then `quartzdb serve --data-dir` the new one.
    """
    from quartzdb.wiring.backup import restore_backup

    with progress(f"restoring {data_dir}", total=None, unit="files", quiet=as_json) as report:
        restored = restore_backup(destination, name, data_dir, report, erasures_of=erasures_of)
    made, again = restored.backup, restored.erased_again
    if as_json:
        print_json(
            {
                "data_dir": str(data_dir),
                **_document(made),
                "erased_again": asdict(again),
                "erasures_unknown_since_last_backup": restored.unknown is not None,
            }
        )
        return
    print_facts(
        {
            "backup": made.name,
            "restored to": str(data_dir),
            "files": f"{len(made.files):,} ({size_text(made.bytes)})",
            "erased again": f"{again.records:,} records, {again.keys:,} keys of {again.erasures:,} erasures",
            "deleted again": f"{again.tenants:,} tenants with {again.namespaces:,} namespaces",
        }
    )
    notice(
        "Namespaces that users deleted after the backup are there again, but for what was erased in them before. Delete"
        " those that are to stay deleted."
    )
    if restored.unknown is not None:
        notice(
            f"What was erased after the last backup is not known: {restored.unknown} is not there. If you have it"
            " elsewhere, restore again into another directory with --erasures-of."
        )
    notice(f"Check it: quartzdb verify --data-dir {data_dir}")


@backup.command(epilog="\b\nExample:\n  quartzdb backup prune /mnt/backups/quartzdb --keep 14")
@_destination
@click.option("--keep", type=WholeNumber(1), required=True, help="How many to keep: the latest.")
@json_option
def prune(destination: Path, keep: int, as_json: bool) -> None:
    """Remove old backups from DIRECTORY, and the files that only they had."""
    from quartzdb.wiring.backup import prune_backups

    gone, freed = prune_backups(destination, keep)
    if as_json:
        print_json({"removed": [one.name for one in gone], "freed_bytes": freed})
    else:
        click.echo(f"{len(gone):,} backups are removed, {size_text(freed)} are free.")


def _document(made: Backup) -> dict[str, Any]:
    return {
        "name": made.name,
        "begun_at": f"{datetime.fromtimestamp(made.begun_at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "begun_at_ms": made.begun_at_ms,
        "finished_at_ms": made.finished_at_ms,
        "files": len(made.files),
        "bytes": made.bytes,
        "copied_files": made.copied_files,
        "copied_bytes": made.copied_bytes,
        "release": made.release,
    }
