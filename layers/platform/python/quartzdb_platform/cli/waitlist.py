"""The command `quartzdb platform waitlist`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.failure import Failure
from quartzdb.cli.numbers import WholeNumber
from quartzdb.cli.output import json_option, print_json
from quartzdb_platform.cli.over_http import ask_as_operator, operated
from quartzdb_platform.settings import ENVIRONMENT, read_settings

if TYPE_CHECKING:
    from quartzdb_platform.accounts.waitlist import Waitlist

_BATCH_MAX = 1_000
_ASKED_AT_ONCE = 50
"""What one request invites: each is a mail, and a server has seconds."""
settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    envvar=ENVIRONMENT,
    show_envvar=True,
    help="With a data directory: the platform's settings, which say how mail is sent and where its links lead.",
)
public_url_option = click.option(
    "--public-url",
    default="http://localhost:8787",
    show_default=True,
    help="With a data directory: where links in mails lead, if the settings do not say public_url.",
)


@click.group()
def waitlist() -> None:
    """Who waits for an account, where sign-up is by invitation.

    Works on the data directory of one machine, or on a platform anywhere with --url and an operator's token.
    """


@waitlist.command("list")
@operated
@settings_option
@public_url_option
@json_option
def list_waiting(
    data_dir: Path,
    url: str | None,
    token: str | None,
    settings_file: Path | None,
    public_url: str,
    as_json: bool,
) -> None:
    """Who waits with an address that is proven, the oldest first."""
    if url is not None:
        emails = ask_as_operator(url, token, "GET", "/waitlist")["waiting"]
    else:
        with _opened(data_dir, settings_file, public_url) as waitlist:
            emails = [entry.email for entry in waitlist.waiting()]
    if as_json:
        print_json({"waiting": emails})
    else:
        for email in emails:
            click.echo(email)


@waitlist.command(
    epilog="""\b
Examples:
  quartzdb platform waitlist invite --count 20
  QUARTZDB_OPERATOR_TOKEN=qdb_oper_… quartzdb platform waitlist invite --count 20 --url https://quartzdb.example.com"""
)
@click.option("--count", type=WholeNumber(1, _BATCH_MAX), required=True, help="How many.")
@operated
@settings_option
@public_url_option
@json_option
def invite(
    count: int,
    data_dir: Path,
    url: str | None,
    token: str | None,
    settings_file: Path | None,
    public_url: str,
    as_json: bool,
) -> None:
    """Invite so many of those that came first, by mail. Nobody is invited twice if it is interrupted and run again."""
    invited: list[str] = []
    undeliverable: list[str] = []
    if url is None:
        with _opened(data_dir, settings_file, public_url) as waitlist:
            done = waitlist.invite(count)
        invited, undeliverable = list(done.invited), list(done.undeliverable)
    else:
        while left := count - len(invited) - len(undeliverable):
            body = {"count": min(left, _ASKED_AT_ONCE)}
            told = ask_as_operator(url, token, "POST", "/waitlist/invite", body)
            invited += told["invited"]
            undeliverable += told["undeliverable"]
            if len(told["invited"]) + len(told["undeliverable"]) < body["count"]:
                break  # nobody else waits
    if as_json:
        print_json({"invited": invited, "undeliverable": undeliverable})
    else:
        click.echo(f"{len(invited)} invited, {len(undeliverable)} undeliverable")


@waitlist.command()
@click.argument("email")
@operated
@settings_option
@public_url_option
def resend(
    email: str,
    data_dir: Path,
    url: str | None,
    token: str | None,
    settings_file: Path | None,
    public_url: str,
) -> None:
    """Invite EMAIL again, for another two weeks."""
    if url is not None:
        ask_as_operator(url, token, "POST", "/waitlist/resend", {"email": email})
    else:
        with _opened(data_dir, settings_file, public_url) as waitlist:
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
