"""The command `quartzdb platform audit`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import click

from quartzdb.cli.failure import Failure
from quartzdb.cli.output import json_option, print_json
from quartzdb_platform.cli.local_table import local_table
from quartzdb_platform.cli.over_http import ask_as_operator, operated


@click.group()
def audit() -> None:
    """The audit log of an organization."""


@audit.command()
@click.argument("organization")
@operated
@json_option
def verify(organization: str, data_dir: Path, url: str | None, token: str | None, as_json: bool) -> None:
    """Walk the chain of an ORGANIZATION's audit log and find any event that was edited, taken out or moved.

    Exits 1 where it is broken.
    """
    if url is not None:
        path = f"/organizations/{quote(organization, safe='')}/audit/verify"
        found = ask_as_operator(url, token, "GET", path)
        events, broken_at = found["events"], found["broken_at"]
    else:
        from quartzdb.adapters.system_clock import SystemClock
        from quartzdb_platform.audit.log import AuditLog

        with local_table(data_dir) as table:
            log = AuditLog(table, SystemClock())
            events, broken_at = log.count(organization), log.broken_at(organization)
    if not events:
        raise Failure(f"There are no events of an organization {organization!r}.")
    if broken_at is not None:
        raise Failure(f"The audit log of {organization} is broken. {broken_at}")
    if as_json:
        print_json({"organization": organization, "events": events, "whole": True})
    else:
        click.echo(f"{organization}: {events} events, whole")
