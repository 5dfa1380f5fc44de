"""The command `quartzdb platform waitlist`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import data_dir_option
from quartzdb.cli.failure import Failure
from quartzdb.cli.numbers import WholeNumber
from quartzdb.cli.output import json_option, print_json
from quartzdb_platform.settings import ENVIRONMENT, read_settings

if TYPE_CHECKING:
    from quartzdb_platform.accounts.waitlist import Waitlist

_BATCH_MAX = 1_000
settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT,
    show_envvar=True,
    help="The platform's settings: how mail is sent, and where its links lead.",
)
url_option = click.option(
    "--url",
    default="http://localhost:8787",
    show_default=True,
    help="Where the platform is served, if the settings do not say public_url.",
)


@click.group()
def waitlist() -> None:
    """Who waits for an account, where sign-up is by invitation."""


@waitlist.command("list")
@data_dir_option
@settings_option
@url_option
@json_option
def list_waiting(data_dir: Path, settings_file: Path | None, url: str, as_json: bool) -> None:
    """Who waits with an address that is proven, the oldest first."""
    with _opened(data_dir, settings_file, url) as waitlist:
        emails = [entry.email for entry in waitlist.waiting()]
    if as_json:
        print_json({"waiting": emails})
    else:
        for email in emails:
            click.echo(email)


@waitlist.command()
@click.option("--count", type=WholeNumber(1, _BATCH_MAX), required=True, help="How many.")
@data_dir_option
@settings_option
@url_option
@json_option
def invite(count: int, data_dir: Path, settings_file: Path | None, url: str, as_json: bool) -> None:
    """Invite so many of those that came first, by mail. Nobody is invited twice if it is interrupted and run again."""
    with _opened(data_dir, settings_file, url) as waitlist:
        done = waitlist.invite(count)
    if as_json:
        print_json({"invited": list(done.invited), "undeliverable": list(done.undeliverable)})
    else:
        click.echo(f"{len(done.invited)} invited, {len(done.undeliverable)} undeliverable")


@waitlist.command()
@click.argument("email")
@data_dir_option
@settings_option
@url_option
def resend(email: str, data_dir: Path, settings_file: Path | None, url: str) -> None:
    """Invite EMAIL again, for another two weeks."""
    with _opened(data_dir, settings_file, url) as waitlist:
        waitlist.invite_again(email)
    click.echo(f"{email} was invited again")


@contextmanager
def _opened(data_dir: Path, settings_file: Path | None, url: str) -> Iterator[Waitlist]:
    from quartzdb.adapters.system_clock import SystemClock
    from quartzdb_platform.local_platform import PLATFORM_FILE, open_waitlist

    if not (data_dir / PLATFORM_FILE).exists():
        raise Failure(f"There is no platform in {data_dir}.", hint="Name its directory: --data-dir DIR")
    with open_waitlist(data_dir, read_settings(settings_file, url), SystemClock()) as opened:
        yield opened
