"""The command `quartzdb platform plan`: what plans there are, and which one an organization has. For operators."""

from __future__ import annotations

from getpass import getuser
from pathlib import Path
from urllib.parse import quote

import click

from quartzdb.cli.output import json_option, print_json, print_table
from quartzdb_platform.cli.local_table import local_table
from quartzdb_platform.cli.over_http import ask_as_operator, operated


@click.group()
def plan() -> None:
    """Plans, and which one an organization has.

    Works beside a running server, which tells the database of a new plan within a minute.
    """


@plan.command(name="list")
@json_option
def list_plans(as_json: bool) -> None:
    """Show what each plan costs and allows, and prices that are to come."""
    from quartzdb.adapters.system_clock import SystemClock
    from quartzdb_platform.domain.calendar import month_of
    from quartzdb_platform.plans.plan_file import load_plans
    from quartzdb_platform.plans.table import plan_rows, price_rows

    plans = load_plans()
    present = plans.at(month_of(SystemClock().unix_ms()))
    if as_json:
        print_json({"plans": [{"name": one.name, "title": one.title} for one in present.by_name.values()]})
        return
    header, *rows = plan_rows(present)
    print_table(header, rows)
    header, *rows = price_rows(plans.versions[plans.versions.index(present) :])
    print_table(header, rows)


@plan.command(
    name="set", epilog="\b\nExample:\n  quartzdb platform plan set org_01hf7ycmk0n2p30xj203q7sj7c pro"
)
@click.argument("organization")
@click.argument("name")
@operated
@json_option
def set_plan(
    organization: str, name: str, data_dir: Path, url: str | None, token: str | None, as_json: bool
) -> None:
    """Put an ORGANIZATION on the plan of that NAME. It is in the organization's audit log, as done by an operator.

    What it has more of than a smaller plan allows stays: nothing is deleted, and nothing can be added.
    """
    if url is not None:
        path = f"/organizations/{quote(organization, safe='')}/plan"
        ask_as_operator(url, token, "PUT", path, {"plan": name})
    else:
        from quartzdb.adapters.system_clock import SystemClock
        from quartzdb_platform.audit.log import Actor, AuditLog
        from quartzdb_platform.plans.plan_changes import PlanChanges
        from quartzdb_platform.plans.plan_file import load_plans

        with local_table(data_dir) as table:
            clock = SystemClock()
            changes = PlanChanges(table, AuditLog(table, clock), load_plans(), None, clock)
            changes.set(organization, name, Actor(f"operator:{getuser()}", "command line"))
    if as_json:
        print_json({"organization": organization, "plan": name})
    else:
        click.echo(f"{organization} is on the plan {name}. The server tells the database within a minute.")


@plan.command()
@operated
@json_option
def publish(data_dir: Path, url: str | None, token: str | None, as_json: bool) -> None:
    """Have the server compare every project's grant with what it should say, and correct it: after the plans changed.

    It does so within a minute, and once a day without being told.
    """
    if url is not None:
        count = ask_as_operator(url, token, "POST", "/plans/publish")["organizations"]
    else:
        from quartzdb_platform.plans.pending import mark_all

        with local_table(data_dir) as table:
            count = mark_all(table)
    if as_json:
        print_json({"organizations": count})
    else:
        click.echo(
            f"The grants of {count} organizations are noted: the server publishes them within a minute."
        )
