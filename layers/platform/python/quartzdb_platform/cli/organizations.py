"""The command `quartzdb platform organizations`: what an operator says of organizations, beside a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from quartzdb.cli.output import json_option, print_json, print_table
from quartzdb_platform.cli.local_table import local_table
from quartzdb_platform.cli.over_http import ask_as_operator, operated

if TYPE_CHECKING:
    from quartzdb.domain.grant import TenantStatus

_PAGE = 500
_NAMES = ("id", "name", "plan", "status", "delete_at")


@click.group()
def organizations() -> None:
    """List, suspend and resume organizations, and show what was certified of deleted ones.

    A running server tells the database within two minutes; `quartzdb tenants suspend` stops one project in seconds.
    """


@organizations.command(name="list")
@operated
@json_option
def list_organizations(data_dir: Path, url: str | None, token: str | None, as_json: bool) -> None:
    """List organizations, the oldest first."""
    if url is not None:
        rows = list(_asked(url, token))
    else:
        from quartzdb_platform.accounts.directory import page_of
        from quartzdb_platform.domain.times import rfc3339

        rows, after = [], None
        with local_table(data_dir) as table:
            while True:
                page = page_of(table, _PAGE, after)
                for organization, delete_at_ms in page.organizations:
                    ends = None if delete_at_ms is None else rfc3339(delete_at_ms)
                    rows.append(
                        (organization.id, organization.name, organization.plan, organization.status, ends)
                    )
                if (after := page.next) is None:
                    break
    if as_json:
        print_json({"organizations": [dict(zip(_NAMES, row, strict=True)) for row in rows]})
    else:
        print_table(["id", "name", "plan", "status", "ends"], [[one or "-" for one in row] for row in rows])


def _asked(url: str, token: str | None) -> Iterator[tuple[str | None, ...]]:
    after = ""
    while True:
        page = ask_as_operator(url, token, "GET", f"/organizations?limit={_PAGE}{after}")
        yield from (tuple(one[name] for name in _NAMES) for one in page["organizations"])
        if page["next"] is None:
            return
        after = f"&after={quote(page['next'])}"


@organizations.command(
    epilog="""\b
Examples:
  quartzdb platform organizations suspend org_…               every request of its projects is refused
  quartzdb platform organizations suspend org_… --read-only   only what changes anything is"""
)
@click.argument("organization")
@operated
@click.option("--read-only", is_flag=True, help="Refuse what changes anything, and go on answering reads.")
@json_option
def suspend(
    organization: str, data_dir: Path, url: str | None, token: str | None, read_only: bool, as_json: bool
) -> None:
    """Refuse the requests of all projects of an ORGANIZATION, whose data and keys stay as they are.

    Its members can still sign in, see it, and export it.
    """
    from quartzdb.domain.grant import TenantStatus

    _say(
        organization,
        TenantStatus.READ_ONLY if read_only else TenantStatus.SUSPENDED,
        data_dir,
        url,
        token,
        as_json,
    )


@organizations.command(epilog="\b\nExample:\n  quartzdb platform organizations resume org_…")
@click.argument("organization")
@operated
@json_option
def resume(organization: str, data_dir: Path, url: str | None, token: str | None, as_json: bool) -> None:
    """Answer all requests of an ORGANIZATION again; one that is to be deleted may still only read."""
    from quartzdb.domain.grant import TenantStatus

    _say(organization, TenantStatus.ACTIVE, data_dir, url, token, as_json)


@organizations.command()
@click.argument("organization")
@operated
def certificate(organization: str, data_dir: Path, url: str | None, token: str | None) -> None:
    """Print what was certified when an ORGANIZATION, or a single project, was deleted, as JSON."""
    if url is not None:
        found = ask_as_operator(url, token, "GET", f"/certificates/{quote(organization, safe='')}")
    else:
        from quartzdb_platform.accounts.deletions import certificate_of

        with local_table(data_dir) as table:
            found = certificate_of(table, organization)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _say(
    organization_id: str,
    status: TenantStatus,
    data_dir: Path,
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    if url is not None:
        path = f"/organizations/{quote(organization_id, safe='')}/status"
        ask_as_operator(url, token, "PUT", path, {"status": status.value})
        said = status.value
    else:
        from quartzdb.adapters.system_clock import SystemClock
        from quartzdb_platform.accounts.standing import Standings
        from quartzdb_platform.audit.log import AuditLog

        with local_table(data_dir) as table:
            said = Standings(table, AuditLog(table, SystemClock()), None).say(organization_id, status).status
    if as_json:
        print_json({"organization": organization_id, "status": said})
        return
    words = said.replace("_", "-")
    click.echo(
        f"The organization {organization_id} is {words}. A running server has it so within two minutes."
    )
