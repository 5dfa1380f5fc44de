"""`quartzdb tenants`: what each tenant is allowed. Works beside a running server or deployment, which sees the change
within seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quartzdb.cli.audit import audited
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.failure import Failure
from quartzdb.cli.output import json_option, print_json, print_table
from quartzdb.cli.shared_namespace import beside_another, refuse_where_tenant_is_shared

if TYPE_CHECKING:
    from quartzdb.domain.grant import TenantGrant, TenantStatus
    from quartzdb.services.tenant_deletion import TenantRemains


@click.group()
def tenants() -> None:
    """List, suspend, resume and delete tenants.

    A tenant is active unless its grant says otherwise. Grants go to a second site with the API keys, signed: say it
    where the keys are managed. Where nothing is signed, say it at both.
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
    from quartzdb.domain.grant import TenantStatus

    _say(name, TenantStatus.READ_ONLY if read_only else TenantStatus.SUSPENDED, location, as_json)


@tenants.command(epilog="\b\nExample:\n  quartzdb tenants resume acme")
@click.argument("name")
@location_options
@json_option
def resume(name: str, location: DatabaseLocation, as_json: bool) -> None:
    """Answer all requests of the tenant NAME again."""
    from quartzdb.domain.grant import TenantStatus

    _say(name, TenantStatus.ACTIVE, location, as_json)


@tenants.command(
    epilog="""\b
Examples:
  quartzdb tenants delete acme                 asks for the name once more
  quartzdb tenants delete acme --yes           run it again until it says that nothing is left
  quartzdb tenants delete acme --everywhere    of two sites, at the one that manages API keys"""
)
@click.argument("name")
@location_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--everywhere",
    is_flag=True,
    help="Also at the other site, which takes signed grants from this one: without that it keeps what it has.",
)
@json_option
def delete(name: str, location: DatabaseLocation, yes: bool, everywhere: bool, as_json: bool) -> None:
    """Delete the tenant NAME: its namespaces with all that is in them, its API keys, its grant.

    It is suspended, its keys are revoked and its namespaces deleted at once. That cannot be undone: restoring an
    earlier state deletes them again.
    What they had is dropped in the background, by a server or the deployment's functions. Run it again until it says
    that nothing is left: only then keys and grant are forgotten. A tenant that another site has, too, can only be
    deleted everywhere: where API keys are managed, and the other site knows whose signature is on its grant.
    """
    database = location.open()
    if not everywhere and database.tenants.grant(name).gone_at_ms is None:
        refuse_where_tenant_is_shared(location, name)
    if not yes:
        click.echo(
            f"All namespaces and keys of {name} are deleted. This cannot be undone, by a backup neither.",
            err=True,
        )
        typed = click.prompt(
            "Type the name of the tenant to delete it", default="", show_default=False, err=True
        )
        if typed != name:
            raise Failure("Nothing was deleted.", hint=f"The name is {name}; --yes does not ask for it.")
    deletion = database.tenant_deletion(everywhere=everywhere, beside_another=beside_another(location))
    with audited("tenant.delete", name, database.clock, target=name):
        left = deletion.run(name)
    if as_json:
        print_json(
            {
                "tenant": name,
                "gone": left.gone,
                "namespaces_deleted": left.namespaces_deleted,
                "keys_revoked": left.keys_revoked,
                "namespaces_pending": left.namespaces_pending,
                "keys_pending": left.keys_pending,
                "files_pending": left.files_pending,
            }
        )
    elif left.gone:
        click.echo(f"Nothing of the tenant {name} is left.")
    else:
        click.echo(
            f"The tenant {name} is suspended, its keys are revoked and its namespaces deleted. "
            f"Still there: {_pending(left)}. Run this again in a few minutes."
        )


def _pending(left: TenantRemains) -> str:
    parts = []
    if left.namespaces_pending:
        parts.append(f"the data of {left.namespaces_pending} namespaces, until maintenance has dropped them")
    if left.keys_pending:
        parts.append(f"{left.keys_pending} keys, revoked less than a minute ago")
    if left.files_pending:
        parts.append("deleted rows in files, because another process reads them")
    return "; ".join(parts)


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
