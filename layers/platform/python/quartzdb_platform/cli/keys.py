"""The command `quartzdb platform keys`: API keys of a project, over HTTP with a management token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import click

from quartzdb.cli.duration import Duration
from quartzdb.cli.output import json_option, print_facts, print_json, print_table
from quartzdb_platform.cli.over_http import ask

F = TypeVar("F", bound=Callable[..., None])


@click.group()
def keys() -> None:
    """API keys of a project, at a platform that runs anywhere.

    The token is a management token (`POST /platform/v1/organizations/ID/tokens`). Give it in the environment, so that
    it is in no list of processes.
    """


def _where(command: F) -> F:
    options = (
        click.option("--project", required=True, help="The project's id: prj_…"),
        click.option(
            "--url",
            envvar="QUARTZDB_PLATFORM_URL",
            show_envvar=True,
            required=True,
            help="Where the platform is, as in https://quartzdb.example.com.",
        ),
        click.option(
            "--token",
            envvar="QUARTZDB_PLATFORM_TOKEN",
            show_envvar=True,
            required=True,
            help="A management token: qdb_mgmt_…",
        ),
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@keys.command(name="list", epilog="\b\nExample:\n  quartzdb platform keys list --project prj_…")
@_where
def list_keys(project: str, url: str, token: str, as_json: bool) -> None:
    """List API keys, ended ones included. Never shows a key itself."""
    found = ask(url, token, "GET", _path(project))
    if as_json:
        print_json({"keys": found})
        return
    names = ("id", "name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    print_table(
        [name.replace("_at", "").replace("_", " ") for name in names],
        [[_cell(one[name]) for name in names] for one in found],
    )


@keys.command()
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--scopes", default="read,write", show_default=True, help="Any of read, write and admin, with commas."
)
@click.option(
    "--namespaces", help="The only namespaces that it reaches, with commas. Default: all, also those to come."
)
@click.option("--expires-in", type=Duration(), help="How long it works, as in 12h or 30d.")
@_where
def create(
    name: str,
    scopes: str,
    namespaces: str | None,
    expires_in: int | None,
    project: str,
    url: str,
    token: str,
    as_json: bool,
) -> None:
    """Create an API key. It is shown this once."""
    body: dict[str, Any] = {"name": name, "scopes": scopes.split(",")}
    if namespaces is not None:
        body["namespaces"] = namespaces.split(",")
    if expires_in is not None:
        body["expires_in_seconds"] = expires_in
    _show(ask(url, token, "POST", _path(project), body), as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap",
    type=Duration(least=0),
    default="24h",
    show_default=True,
    help="How long the old key goes on.",
)
@click.option("--expires-in", type=Duration(), help="How long the new one works. Default: as the old one.")
@_where
def rotate(
    key_id: str, overlap: int, expires_in: int | None, project: str, url: str, token: str, as_json: bool
) -> None:
    """Make a key that follows the API key ID, which ends after the overlap."""
    body = {"overlap_seconds": overlap}
    if expires_in is not None:
        body["expires_in_seconds"] = expires_in
    _show(ask(url, token, "POST", f"{_path(project, key_id)}/rotate", body), as_json)


@keys.command()
@click.argument("key_id", metavar="ID")
@_where
def revoke(key_id: str, project: str, url: str, token: str, as_json: bool) -> None:
    """End the API key ID now."""
    ask(url, token, "DELETE", _path(project, key_id))
    if as_json:
        print_json({"id": key_id, "status": "revoked"})
    else:
        click.echo(f"The key {key_id} is revoked. A running server may accept it for a few seconds more.")


def _path(project: str, key_id: str | None = None) -> str:
    path = f"/platform/v1/projects/{quote(project, safe='')}/keys"
    return path if key_id is None else f"{path}/{quote(key_id, safe='')}"


def _show(key: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(key)
        return
    print_facts({name: _cell(key[name]) for name in ("key", "id", "name", "scopes", "expires_at")})
    if "replaces" in key:
        click.echo(f"The key {key['replaces']['id']} ends at {key['replaces']['expires_at']}.")
    click.echo("Keep it now: it cannot be shown again. Send it as `Authorization: Bearer KEY`.")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)
