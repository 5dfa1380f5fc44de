"""`quartzdb tenants`: what each tenant is allowed. Works beside a running server or deployment, which sees the change
within seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quartzdb.cli.audit import audited
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from quartzdb.services.ports import TenantGrant, TenantStatus


@click.group()
def tenants() -> None:
    """List, suspend and resume tenants.

    A tenant is active unless its grant says otherwise. A grant is not replicated: where a second site serves the
    tenant, say it there, too.
    """


@tenants.command(
    name="list",
    epilog="\b\nExample:\n  quartzdb tenants list --json | jq '.tenants[] | select(.status != \"active\")'",
)
@location_options
@json_option
def list_tenants(location: DatabaseLocation, as_json: bool) -> None:
    """List the tenants that have namespaces or a grant, with what they are allowed."""
    database = location.open()
    granted = {grant.tenant: grant for grant in database.tenants.list()}
    named = {namespace.tenant for namespace in database.catalog.all_namespaces()} | {database.tenant}
    found = [granted.get(tenant) or database.tenants.grant(tenant) for tenant in sorted({*granted, *named})]
    if as_json:
        print_json({"tenants": [_document(grant) for grant in found]})
        return
    print_table(
        ["tenant", "status", "revision"], [[one.tenant, one.status, str(one.revision)] for one in found]
    )


@tenants.command(
    epilog="""\b
Examples:
  quartzdb tenants suspend acme                 every request is refused (403 tenant_suspended)
  quartzdb tenants suspend acme --read-only     only changes are (403 tenant_read_only)"""
)
@click.argument("name")
@location_options
@click.option("--read-only", is_flag=True, help="Refuse what changes anything, and go on answering reads.")
@json_option
def suspend(name: str, location: DatabaseLocation, read_only: bool, as_json: bool) -> None:
    """Refuse the requests of the tenant NAME, whose data and keys stay as they are."""
    from quartzdb.services.ports import TenantStatus

    _say(name, TenantStatus.READ_ONLY if read_only else TenantStatus.SUSPENDED, location, as_json)


@tenants.command(epilog="\b\nExample:\n  quartzdb tenants resume acme")
@click.argument("name")
@location_options
@json_option
def resume(name: str, location: DatabaseLocation, as_json: bool) -> None:
    """Answer all requests of the tenant NAME again."""
    from quartzdb.services.ports import TenantStatus

    _say(name, TenantStatus.ACTIVE, location, as_json)


def _say(name: str, status: TenantStatus, location: DatabaseLocation, as_json: bool) -> None:
    database = location.open()
    with audited(f"tenant.{status}", name, database.clock, target=name):
        grant = database.tenants.set_status(name, status)
    if as_json:
        print_json(_document(grant))
        return
    words = str(status).replace("_", "-")
    click.echo(
        f"The tenant {name} is {words}. A running server may go by what it knew for a few seconds more."
    )


def _document(grant: TenantGrant) -> dict[str, object]:
    return {"tenant": grant.tenant, "status": grant.status, "revision": grant.revision}
