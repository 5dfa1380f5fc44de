"""The command `quartzdb platform operator`: tokens by which an operator's commands work over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from quartzdb.cli.data_dir import data_dir_option
from quartzdb.cli.duration import Duration
from quartzdb.cli.output import json_option, print_facts, print_json, print_table
from quartzdb_platform.cli.local_table import local_table

if TYPE_CHECKING:
    from quartzdb_platform.ports import DocumentTable

F = TypeVar("F", bound=Callable[..., None])


@click.group()
def operator() -> None:
    """Tokens for who operates the platform.

    Whoever may write to its table makes them: beside a data directory, or with rights on the table of a deployment.
    """


def _of(command: F) -> F:
    table = click.option("--table", "table_name", help="Of a deployment: the platform's table, in DynamoDB.")
    return data_dir_option(table(json_option(command)))


@operator.command(
    epilog="""\b
Examples:
  quartzdb platform operator create --name laptop
  quartzdb platform operator create --name laptop --expires-in 8h --table quartzdb-prod-platform"""
)
@click.option("--name", required=True, help="Who or what has it.")
@click.option(
    "--expires-in",
    type=Duration(),
    default="30d",
    show_default=True,
    help="How long it works, a year at most.",
)
@_of
def create(name: str, expires_in: int, data_dir: Path, table_name: str | None, as_json: bool) -> None:
    """Make a token. It is shown this once; send it as QUARTZDB_OPERATOR_TOKEN."""
    from quartzdb.adapters.system_clock import SystemClock
    from quartzdb_platform.domain.times import rfc3339
    from quartzdb_platform.identity.credentials import Credentials
    from quartzdb_platform.transaction import change

    with _opened(data_dir, table_name) as table:
        made, text, puts = Credentials(table, SystemClock()).new_operator(name, expires_in * 1_000)
        change(table, lambda: (None, puts))
    facts = {"token": text, "id": made.id, "expires_at": rfc3339(made.expires_at_ms)}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
        click.echo("Keep it now: it cannot be shown again.")


@operator.command(name="list")
@_of
def list_operators(data_dir: Path, table_name: str | None, as_json: bool) -> None:
    """List tokens that have not ended. Never shows a token itself."""
    from quartzdb.adapters.system_clock import SystemClock
    from quartzdb_platform.domain.times import rfc3339
    from quartzdb_platform.identity.credentials import Credentials

    with _opened(data_dir, table_name) as table:
        found = Credentials(table, SystemClock()).operators()
    rows = [(one.id, one.name, rfc3339(one.created_at_ms), rfc3339(one.expires_at_ms)) for one in found]
    names = ("id", "name", "created_at", "expires_at")
    if as_json:
        print_json({"tokens": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        print_table(["id", "name", "created", "expires"], rows)


@operator.command()
@click.argument("token_id", metavar="ID")
@_of
def revoke(token_id: str, data_dir: Path, table_name: str | None, as_json: bool) -> None:
    """End the token ID now."""
    from quartzdb.adapters.system_clock import SystemClock
    from quartzdb_platform.identity.credentials import Credentials
    from quartzdb_platform.transaction import change

    with _opened(data_dir, table_name) as table:
        credentials = Credentials(table, SystemClock())
        change(table, lambda: (None, credentials.end(token_id, "")))
    if as_json:
        print_json({"id": token_id, "status": "revoked"})
    else:
        click.echo(f"The token {token_id} is revoked.")


@contextmanager
def _opened(data_dir: Path, table_name: str | None) -> Iterator[DocumentTable]:
    if table_name is None:
        with local_table(data_dir) as table:
            yield table
        return
    from quartzdb_platform.aws_platform import open_aws_table

    yield open_aws_table(table_name)
