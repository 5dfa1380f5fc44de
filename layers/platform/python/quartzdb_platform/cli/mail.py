"""The command `quartzdb platform mail`."""

from __future__ import annotations

from pathlib import Path

import click

from quartzdb.cli.output import json_option, print_json
from quartzdb_platform.cli.local_table import local_table
from quartzdb_platform.cli.over_http import ask_as_operator, operated


@click.group()
def mail() -> None:
    """Addresses that mail is not sent to."""


@mail.command(
    epilog="""\b
Examples:
  quartzdb platform mail lift ada@example.com
  quartzdb platform mail lift ada@example.com --url https://quartzdb.example.com"""
)
@click.argument("email")
@operated
@json_option
def lift(email: str, data_dir: Path, url: str | None, token: str | None, as_json: bool) -> None:
    """Send mail to EMAIL again: it came back from there once, or its holder called it unwanted.

    On AWS, SES has a list of its own beside this one: `aws sesv2 delete-suppressed-destination`.
    """
    if url is not None:
        was = ask_as_operator(url, token, "POST", "/mail/lift", {"email": email})["was"]
    else:
        from quartzdb.adapters.system_clock import SystemClock
        from quartzdb_platform.mail.suppressions import Suppressions

        with local_table(data_dir) as table:
            was = Suppressions(table, SystemClock()).lift(email)
    if as_json:
        print_json({"email": email, "was": was})
    elif was is None:
        click.echo(f"Nothing stood against {email}.")
    else:
        click.echo(f"Mail is sent to {email} again; it was not, because of a {was}.")
