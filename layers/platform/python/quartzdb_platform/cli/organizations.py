"""The command `quartzdb platform organizations`: what an operator says of organizations, beside a running server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quartzdb.cli.data_dir import data_dir_option
from quartzdb.cli.failure import Failure
from quartzdb.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from quartzdb.domain.grant import TenantStatus
    from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments

_PAGE = 500


@click.group()
def organizations() -> None:
    """List, suspend and resume organizations, and show what was certified of deleted ones.

    A running server tells the database within two minutes; `quartzdb tenants suspend` stops one project in seconds.
    """


@organizations.command(name="list")
@data_dir_option
@json_option
def list_organizations(data_dir: Path, as_json: bool) -> None:
    """List organizations, the oldest first."""
    from quartzdb_platform.accounts import store
    from quartzdb_platform.accounts.closings import closing_document
    from quartzdb_platform.domain.closing import Closing
    from quartzdb_platform.domain.times import rfc3339

    rows = []
    with _table(data_dir) as table:
        after = None
        while found := store.organization_ids(table, limit=_PAGE, after=after):
            for organization_id in found:
                organization, _ = store.organization_of(table, organization_id)
                closing = closing_document(table, organization_id)
                ends = rfc3339(Closing(**closing.body).delete_at_ms) if closing else None
                rows.append(
                    (organization.id, organization.name, organization.plan, organization.status, ends)
                )
            after = found[-1]
    names = ("id", "name", "plan", "status", "delete_at")
    if as_json:
        print_json({"organizations": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        print_table(["id", "name", "plan", "status", "ends"], [[one or "-" for one in row] for row in rows])


@organizations.command(
    epilog="""\b
Examples:
  quartzdb platform organizations suspend org_…               every request of its projects is refused
  quartzdb platform organizations suspend org_… --read-only   only what changes anything is"""
)
@click.argument("organization")
@data_dir_option
@click.option("--read-only", is_flag=True, help="Refuse what changes anything, and go on answering reads.")
@json_option
def suspend(organization: str, data_dir: Path, read_only: bool, as_json: bool) -> None:
    """Refuse the requests of all projects of an ORGANIZATION, whose data and keys stay as they are.

    Its members can still sign in, see it, and export it.
    """
    from quartzdb.domain.grant import TenantStatus

    _say(organization, TenantStatus.READ_ONLY if read_only else TenantStatus.SUSPENDED, data_dir, as_json)


@organizations.command(epilog="\b\nExample:\n  quartzdb platform organizations resume org_…")
@click.argument("organization")
@data_dir_option
@json_option
def resume(organization: str, data_dir: Path, as_json: bool) -> None:
    """Answer all requests of an ORGANIZATION again; one that is to be deleted may still only read."""
    from quartzdb.domain.grant import TenantStatus

    _say(organization, TenantStatus.ACTIVE, data_dir, as_json)


@organizations.command()
@click.argument("organization")
@data_dir_option
def certificate(organization: str, data_dir: Path) -> None:
    """Print what was certified when an ORGANIZATION was deleted, as JSON."""
    from quartzdb_platform.accounts.deletions import certificate_of

    with _table(data_dir) as table:
        click.echo(json.dumps(certificate_of(table, organization), indent=2, ensure_ascii=False))


def _say(organization_id: str, status: TenantStatus, data_dir: Path, as_json: bool) -> None:
    from quartzdb.adapters.system_clock import SystemClock
    from quartzdb_platform.accounts.standing import Standings
    from quartzdb_platform.audit.log import AuditLog

    with _table(data_dir) as table:
        said = Standings(table, AuditLog(table, SystemClock()), None).say(organization_id, status)
    if as_json:
        print_json({"organization": said.id, "status": said.status})
        return
    words = said.status.replace("_", "-")
    click.echo(f"The organization {said.id} is {words}. A running server has it so within two minutes.")


@contextmanager
def _table(data_dir: Path) -> Iterator[SqliteDocuments]:
    from quartzdb_platform.adapters.sqlite_documents import SqliteDocuments
    from quartzdb_platform.local_platform import PLATFORM_FILE

    file = data_dir / PLATFORM_FILE
    if not file.exists():
        raise Failure(f"There is no platform in {data_dir}.", hint="Name its directory: --data-dir DIR")
    with SqliteDocuments(file) as table:
        yield table
