"""Runs a server: opens the database, and answers on stdio or HTTP until whoever asks is gone or a signal comes.

HAZARD: with stdio, stdout is the protocol. Whatever is said to people goes to stderr.
"""

from __future__ import annotations

import logging
import signal
import sys
from contextlib import suppress

import anyio
import click
from mcp.server.stdio import stdio_server

from quartzdb_client import QuartzDBError
from quartzdb_mcp.choice import Choice
from quartzdb_mcp.database import Database, Embedded, Served
from quartzdb_mcp.http import PATH, Door, serve
from quartzdb_mcp.server import made


class Failed(Exception):
    """The database cannot be opened, or the port not be listened at."""


def run(
    source: Embedded | Served, choice: Choice, door: Door | None, *, characters: int, verbose: bool = False
) -> None:
    """Until it ends. Without a door, on stdio. Raises Failed."""
    _log(verbose=verbose)

    async def answer() -> None:
        async with source.open() as client:
            server = made(Database(client, characters), choice)
            if door is None:
                # A read of stdin cannot be broken off: let Ctrl-C end the process, as SIGTERM does. What was
                # acknowledged is stored.
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                async with stdio_server() as (coming, going):
                    await server.run(coming, going, server.create_initialization_options())
                return
            listening = door.listen()
            host, port = listening.getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            click.echo(f"Listening at http://{shown}:{port}{PATH}", err=True)
            await serve(server, door, listening)

    try:
        with suppress(KeyboardInterrupt):  # that is how a person ends it
            anyio.run(answer)
    except* (QuartzDBError, ImportError, OSError) as failed:
        raise Failed(str(_first(failed))) from failed


def _log(*, verbose: bool) -> None:
    """To stderr. Neither keys nor data are in what any of these log."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    logging.getLogger("quartzdb_client").setLevel(logging.DEBUG if verbose else logging.WARNING)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What failed, out of the groups that task groups put around it."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
