"""The command: `quartzdb-mcp`, and `quartzdb mcp` where the database's command is installed.

Its options, and nothing that takes long to import: `quartzdb --help` loads it.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from quartzdb_mcp import __version__
from quartzdb_mcp.names import (
    ANSWER_CHARACTERS,
    ANSWER_CHARACTERS_MAX,
    ANSWER_CHARACTERS_MIN,
    READING,
    WRITING,
)

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=f"""\b
Tools that read:  {", ".join(READING)}
Tools that write: {", ".join(WRITING)}
\b
Examples:
  QUARTZDB_API_KEY=qdb_live_… quartzdb mcp --url http://127.0.0.1:8787
  quartzdb mcp --data ./data --write --tools search,fetch,upsert""",
)
@click.option("--url", metavar="URL", help="The database's address. Also QUARTZDB_URL.")
@click.option(
    "--api-key-file",
    type=_FILE,
    metavar="FILE",
    help="Holds the key. Without it, QUARTZDB_API_KEY is the key.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="A data directory, opened in this process: no server. Needs the package quartzdb.",
)
@click.option(
    "--write", is_flag=True, help="Have the tools that write, too. Only those that read without it."
)
@click.option("--tools", metavar="NAME,…", help="Only these tools.")
@click.option(
    "--answer-characters",
    type=click.IntRange(ANSWER_CHARACTERS_MIN, ANSWER_CHARACTERS_MAX),
    default=ANSWER_CHARACTERS,
    show_default=True,
    help="The most that one answer has, as JSON.",
)
@click.option("--http", metavar="HOST:PORT", help="Listen for streamable HTTP, at /mcp. Stdio without it.")
@click.option(
    "--allowed-host",
    multiple=True,
    metavar="NAME",
    help="A further name under which clients reach it, as they send it in Host. May be repeated.",
)
@click.option(
    "--token-file",
    type=_FILE,
    metavar="FILE",
    help="Holds the token that clients send as a bearer token. Also QUARTZDB_MCP_TOKEN; needed beyond loopback.",
)
@click.option("--verbose", is_flag=True, help="Log each request to the database, on stderr.")
@click.version_option(__version__, prog_name="quartzdb-mcp")
def mcp(
    url: str | None,
    api_key_file: Path | None,
    data: Path | None,
    write: bool,
    tools: str | None,
    answer_characters: int,
    http: str | None,
    allowed_host: tuple[str, ...],
    token_file: Path | None,
    verbose: bool,
) -> None:
    """Offer a database to agents, by the Model Context Protocol.

    Which namespaces an agent reaches, and whether it may write at all, is up to the key: make one for it.
    """
    from quartzdb_mcp import running
    from quartzdb_mcp.choice import Choice
    from quartzdb_mcp.database import Embedded, Served
    from quartzdb_mcp.http import Address, Door

    try:
        names = None if tools is None else [name.strip() for name in tools.split(",") if name.strip()]
        choice = Choice(write=write, names=names)
        door = None
        if http is not None:
            door = Door(Address.of(http), allowed_host, _secret(token_file, "QUARTZDB_MCP_TOKEN"))
        elif allowed_host or token_file:
            raise ValueError("--allowed-host and --token-file go with --http.")
        source: Embedded | Served
        if data is None:
            url = url or os.environ.get("QUARTZDB_URL")
            if not url:
                raise ValueError("Which database? Give --url (or QUARTZDB_URL), or a directory with --data.")
            key = _secret(api_key_file, "QUARTZDB_API_KEY")
            if not key:
                raise ValueError("There is no key: set QUARTZDB_API_KEY, or give --api-key-file.")
            source = Served(url, key)
        else:
            if url is not None or api_key_file is not None:
                raise ValueError("--data needs neither --url nor --api-key-file: give one or the other.")
            os.umask(0o077)  # what is in the directory is for this account
            source = Embedded(data)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    try:
        running.run(source, choice, door, characters=answer_characters, verbose=verbose)
    except running.Failed as error:
        raise click.ClickException(str(error)) from error


def _secret(file: Path | None, variable: str) -> str | None:
    """Raises ValueError for a file with nothing in it."""
    if file is None:
        return os.environ.get(variable) or None
    secret = file.read_text("utf-8").strip()
    if not secret:
        raise ValueError(f"{file} is empty.")
    return secret


def main() -> None:
    """The console script."""
    mcp(prog_name="quartzdb-mcp")
