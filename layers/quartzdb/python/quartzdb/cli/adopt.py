"""`quartzdb adopt`: go on with a data directory in which one file is an older copy."""

from __future__ import annotations

from pathlib import Path

import click

from quartzdb.cli.data_dir import data_dir_option, require_database
from quartzdb.cli.failure import Failure
from quartzdb.cli.output import json_option, print_json


@click.command(
    epilog="""\b
Examples:
  quartzdb adopt
  quartzdb adopt --yes --data-dir /var/lib/quartzdb"""
)
@data_dir_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def adopt(data_dir: Path, yes: bool, as_json: bool) -> None:
    """Go on with a data directory that is refused because one of its files is older than the others.

    That is so where an older copy of one file was put back, or where the writes that were in a damaged file had to be
    given up. What was written since then is missing in that file, and stays so: restoring a backup, all files of it, is
    better. Stop what uses the directory first.
    """
    require_database(data_dir)
    if not yes and not click.confirm(
        f"Whatever is missing in one of the files of {data_dir} stays missing. Go on?", err=True
    ):
        raise Failure("Nothing was changed.", hint="Restore a backup instead: quartzdb backup restore")
    from quartzdb.wiring.embedded import adopt as take

    problem = take(data_dir)
    if as_json:
        print_json({"adopted": problem is not None, "problem": problem})
    elif problem is None:
        click.echo("All files are of one age: there was nothing to do.")
    else:
        click.echo(f"The files are of one age from here on. It was: {problem}.")
