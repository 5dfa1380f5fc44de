"""The command `quartzdb platform restore`: the deployed table as it was at the moment that another was restored to."""

from __future__ import annotations

import click

from quartzdb.cli.output import json_option, print_facts, print_json


@click.command(
    epilog="""\b
Examples:
  quartzdb platform restore --table NAME --from NAME-restored
  quartzdb platform restore --table NAME --from NAME-restored --apply"""
)
@click.option("--table", required=True, help="The platform's table, as it is deployed.")
@click.option("--from", "restored_table", required=True, help="The table that was restored to a moment.")
@click.option("--apply", is_flag=True, help="Do it. Without this the command only says what it would do.")
@json_option
def restore(table: str, restored_table: str, apply: bool, as_json: bool) -> None:
    """Bring the platform's table on AWS back to a moment that another table was restored to.

    The second half of restoring: the first is DynamoDB's point-in-time recovery, which makes a new table; name it with
    --from. Then this gives the deployed table the documents of the restored one, and no others. API keys and grants are
    the database's and stay as they are. It may be repeated, and point-in-time recovery keeps what is replaced.

    Stop the platform's functions before --apply; docs/runbook.md has the whole procedure.
    """
    from quartzdb_platform.aws_restoration import make_equal

    put, deleted = make_equal(restored_table, table, apply=apply)
    if as_json:
        print_json({"applied": apply, "put": put, "deleted": deleted})
    else:
        print_facts(
            {
                "documents put" if apply else "documents to put": str(put),
                "documents deleted" if apply else "documents to delete": str(deleted),
            }
        )
