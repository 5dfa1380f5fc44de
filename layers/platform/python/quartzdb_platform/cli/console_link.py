"""The command `quartzdb console-link`: another link to the console of a server on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from quartzdb.cli.data_dir import data_dir_option, require_database
from quartzdb.cli.output import json_option, print_json


@click.command(
    name="console-link", epilog="\b\nExample:\n  quartzdb console-link --url http://127.0.0.1:9000"
)
@data_dir_option
@click.option(
    "--url",
    default="http://127.0.0.1:8787",
    show_default=True,
    help="Where `quartzdb serve` serves the directory, as the browser reaches it.",
)
@json_option
def console_link(data_dir: Path, url: str, as_json: bool) -> None:
    """Print a link that signs in to the console of a server, once, within an hour.

    The server says one when it starts. Whoever opens it may do everything with the data and the keys of the directory.
    """
    from quartzdb_platform.console.local.addition import LocalConsole, new_link

    require_database(data_dir)
    link = new_link(LocalConsole(data_dir).table, url.rstrip("/"))
    if as_json:
        print_json({"link": link})
    else:
        click.echo(link)
