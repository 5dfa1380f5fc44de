"""The command `quartzdb serve`."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import data_dir_option, default_engine_option, open_database
from quartzdb.cli.failure import Failure
from quartzdb.cli.numbers import WholeNumber
from quartzdb.cli.output import json_option
from quartzdb.cli.serve.additions import Addition, additions
from quartzdb.cli.serve.greeting import greet
from quartzdb.cli.serve.listener import listen, url_of
from quartzdb.cli.serve.options import (
    changes_days_option,
    disk_reserve_option,
    host_option,
    log_level_option,
    port_option,
)
from quartzdb.cli.serve.peer import PeerOptions, peer_options
from quartzdb.cli.serve.settings import WorkerSettings, limit_threads, log_to_stderr
from quartzdb.domain.errors import QuartzError

if TYPE_CHECKING:
    from quartzdb.wiring.embedded import Database

FIRST_KEY_NAME = "first"
FIRST_KEY_SCOPES = ("read", "write", "admin")


@click.command(
    epilog="""\b
Examples:
  quartzdb serve
  quartzdb serve --data-dir /var/lib/quartzdb --port 9000 --workers 4
  quartzdb serve --port 0 --json | head -1 | jq -r .url     with any free port
  quartzdb serve --site east --peer-site west --peer-url https://west.example.com --replication-secret-file secret"""
)
@data_dir_option
@host_option
@port_option
@click.option(
    "--workers",
    type=WholeNumber(1, 64),
    default=1,
    show_default=True,
    help="Processes; about one per core.",
)
@log_level_option
@default_engine_option
@disk_reserve_option
@changes_days_option
@click.option(
    "--usage-journal",
    is_flag=True,
    help="Keep a line of what each request used in usage.db, for a platform beside this server.",
)
@click.option(
    "--plain",
    is_flag=True,
    envvar="QUARTZDB_PLAIN",
    show_envvar=True,
    help="The database alone, without what other installed packages add to the server, as a console.",
)
@peer_options
@json_option
def serve(
    data_dir: Path,
    host: str,
    port: int,
    workers: int,
    log_level: str,
    default_engine: str,
    disk_reserve_mb: int,
    changes_days: int,
    usage_journal: bool,
    plain: bool,
    peer: PeerOptions,
    as_json: bool,
) -> None:
    """Start the database on this machine.

    Prints its URL, and the first time an API key with requests to try. Where stdout is no terminal, the key is written
    to the file first-api-key in the data directory instead, for this account alone. With --json it prints one line,
    {"url", "key", "data_dir"}, as soon as it serves connections; `key` is null where keys exist already.

    Everything is kept in the data directory: an acknowledged write survives a crash of the process or the machine.
    Several workers, and several servers, may share one directory on a local disk; each sees the others' writes in its
    very next read. There is no TLS: put a reverse proxy before it to serve other machines.

    With a peer, two sites hold the same data, and either takes writes: one of them, or both, has the other's address.
    """
    settings = WorkerSettings(
        data_dir,
        os.getpid(),
        log_level,
        default_engine,
        disk_reserve_mb,
        peer,
        usage_journal,
        plain,
        changes_days,
    )
    added = () if plain else additions(data_dir)
    run(settings, host, port, workers=workers, added=added, as_json=as_json)


def run(
    settings: WorkerSettings,
    host: str,
    port: int,
    *,
    workers: int = 1,
    added: Sequence[Addition] = (),
    as_json: bool = False,
) -> None:
    """Serve until somebody stops it. With several workers each finds what is added by itself. Raises Failure."""
    data_dir = settings.data_dir
    limit_threads()
    log_to_stderr(settings.log_level)
    _check_writable(data_dir)
    listener = listen(host, port)
    url = url_of(listener)
    settings.peer.check()

    def ready(database: Database) -> None:
        key, keys = _first_key(database)
        greet(url, data_dir, key, keys=keys, as_json=as_json, more=_greetings(added, url))

    if workers == 1:
        _serve_one(settings, listener, ready, added)
    else:
        from quartzdb.wiring.embedded import require_whole_wals

        require_whole_wals(data_dir)
        database = open_database(data_dir, create=True)
        _serve_several(settings, workers, listener, lambda: ready(database))


def _greetings(added: Sequence[Addition], url: str) -> Iterator[str]:
    for one in added:
        try:
            yield one.greeting(url)
        except QuartzError as error:
            # As where the disk is full: the database serves all the same.
            yield error.message


def _serve_one(
    settings: WorkerSettings,
    listener: socket.socket,
    ready: Callable[[Database], None],
    added: Sequence[Addition],
) -> None:
    from quartzdb.cli.serve.server import serve_here
    from quartzdb.cli.serve.worker import application

    served, database = application(
        settings.data_dir,
        settings.peer,
        settings.default_engine,
        settings.disk_reserve_mb,
        usage_journal=settings.usage_journal,
        changes_days=settings.changes_days,
        added=added,
    )
    serve_here(served, listener, log_level=settings.log_level, on_ready=lambda: ready(database))
    served.leave()


def _serve_several(
    settings: WorkerSettings, workers: int, listener: socket.socket, on_ready: Callable[[], None]
) -> None:
    from quartzdb.cli.serve.server import serve_in_workers

    settings.to_environment()
    factory = "quartzdb.cli.serve.worker:worker_application"
    serve_in_workers(factory, workers, listener, log_level=settings.log_level, on_ready=on_ready)


def _first_key(database: Database) -> tuple[str | None, int]:
    """A key where there is none yet, and how many there were."""

    present = len(database.api_keys.list(database.tenant))
    if present:
        return None, present
    # Made only now that connections are served: a start that failed must not have used up the only showing.
    _, text = database.api_keys.create(database.tenant, FIRST_KEY_NAME, FIRST_KEY_SCOPES)
    return text, 0


def _check_writable(data_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise Failure(
            f"The data directory {data_dir} cannot be written to: {error.strerror or error}.",
            hint="Check its permissions, or name another one: --data-dir DIR",
        ) from error
