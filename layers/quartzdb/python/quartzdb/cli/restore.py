"""`quartzdb restore`: table and bucket back to the moment that a restored table is of."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime

import click

from quartzdb.cli.database_location import Deployment, deployment_options
from quartzdb.cli.output import json_option, print_facts, print_json


class Moment(click.ParamType[int]):
    """A date and a time with a zone (ISO 8601); the value is in unix milliseconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds. A time without a zone is refused: an hour's mistake is an hour of lost writes."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time. Write it as in 2026-11-23T14:05:00Z.", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no zone. Add Z for UTC, or an offset as in +01:00.", param, ctx)
        return int(moment.timestamp() * 1000)


@click.command(
    epilog="""\b
Examples:
  quartzdb restore --to 2026-11-23T14:05:00Z --from RESTORED --table NAME --bucket NAME
  quartzdb restore --to 2026-11-23T14:05:00Z --from RESTORED --table NAME --bucket NAME --apply"""
)
@deployment_options
@click.option(
    "--to", "to_ms", type=Moment(), required=True, help="The moment that the table was restored to."
)
@click.option(
    "--from", "restored_table", help="The table that was restored to it. Default: --table is that already."
)
@click.option("--apply", is_flag=True, help="Do it. Without this the command only says what it would do.")
@json_option
def restore(
    deployment: Deployment, to_ms: int, restored_table: str | None, apply: bool, as_json: bool
) -> None:
    """Bring a deployment back to a moment that its table was restored to.

    The second half of restoring: the first is DynamoDB's point-in-time recovery, which makes a new table; name it with
    --from. Then this takes back deletions of blobs that were there at that moment, gives the deployed table the items
    of the restored one, and sets pointers to what they were. What was erased since is erased again,
    and tenants that were deleted since are deleted again; a namespace that was deleted comes back. API keys and grants
    stay as they are now. Nothing is lost by it: point-in-time recovery and the bucket's versions keep what is replaced,
    so restoring to a later moment undoes it.

    Stop everything that writes or reads before --apply; docs/runbook.md has the whole procedure. Exits with status 1
    where a namespace of the table would not be whole.
    """
    from quartzdb.wiring.restore import open_restoration

    restoration = open_restoration(deployment.settings(), restored_table=restored_table)
    plan = restoration.plan(to_ms)
    written, deleted = restoration.differences()
    back = restoration.deleted_since()
    incomplete = []
    again = None
    if apply:
        again = restoration.apply(plan)
        back = restoration.came_back(back)
        incomplete = list(restoration.incomplete())
    if as_json:
        print_json(
            {
                **deployment.document(),
                "to_ms": to_ms,
                "applied": apply,
                "items_written": written,
                "items_deleted": deleted,
                "pointers_back": len(plan.pointers_back),
                "pointers_gone": len(plan.pointers_gone),
                "blobs_back": len(plan.deletions),
                "namespaces_back": back,
                "erased_again": again and asdict(again),
                "incomplete": incomplete,
            }
        )
    else:
        print_facts(
            {
                "moment": f"{datetime.fromtimestamp(to_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC",
                "items to write": f"{written:,}",
                "items to delete": f"{deleted:,}",
                "pointers to set back": f"{len(plan.pointers_back):,}",
                "pointers to remove": f"{len(plan.pointers_gone):,}",
                "deletions to take back": f"{len(plan.deletions):,}",
                "deleted since": ", ".join(back) or "no namespace",
            }
        )
        if again is not None:
            click.echo(
                f"Erased again: {again.records:,} records and {again.keys:,} keys of {again.erasures:,} erasures. "
                f"Deleted again: {again.tenants:,} tenants with {again.namespaces:,} namespaces."
            )
            click.echo(
                "Namespaces that users deleted since are there again, but for what was erased in them before. Delete "
                "those that are to stay deleted."
            )
        click.echo(_conclusion(apply, incomplete))
    if incomplete:
        sys.exit(1)


def _conclusion(applied: bool, incomplete: list[str]) -> str:
    if not applied:
        return "Nothing was changed. Stop everything that writes, then give the same command with --apply."
    if incomplete:
        return "\n".join(["Done, but not whole:", *(f"  {why}" for why in incomplete)])
    return "Done: every namespace of the table is whole. `quartzdb verify` reads all of it."
