"""`quartzdb keys`: create, list, rotate and revoke API keys. Works beside a running server or deployment, which sees
the change at once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from quartzdb.cli.audit import audited
from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.duration import Duration
from quartzdb.cli.output import json_option, print_facts, print_json, print_table
from quartzdb.domain.limits import TIME_MS_MAX

if TYPE_CHECKING:
    from quartzdb.services.ports import ApiKey


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke API keys.

    A key is shown once, when it is created: only a hash of it is stored. All of these work while a server runs and
    while none does, and on the table of a deployment, where the first key can only be made this way.
    """


@keys.command(
    epilog="""\b
Examples:
  quartzdb keys create --name notebook --scopes read
  quartzdb keys create --name ci --scopes read,write --expires-in 30d
  quartzdb keys create --name root --scopes read,write,admin --table NAME --bucket NAME
  KEY=$(quartzdb keys create --name script --json | jq -r .key)"""
)
@location_options
@click.option("--name", required=True, help="What the key is for; shown by `keys list`.")
@click.option(
    "--scopes", default="read,write", show_default=True, help="Any of read, write and admin, with commas."
)
@click.option(
    "--expires-in", type=Duration(), help="How long it works, as in 12h or 30d. Default: until revoked."
)
@click.option(
    "--namespaces", help="The only namespaces that it reaches, with commas. Default: all, also those to come."
)
@json_option
def create(
    location: DatabaseLocation,
    name: str,
    scopes: str,
    expires_in: int | None,
    namespaces: str | None,
    as_json: bool,
) -> None:
    """Create an API key.

    The scope `read` searches and reads, `write` changes records and key-values, `admin` manages namespaces and keys.
    Each stands for itself: a key that should do everything needs all three. A key that makes others over HTTP can
    grant only what it has itself: scopes, namespaces and its own time.
    """
    database = location.open(create=True)

    wanted = _listed(scopes)
    reach = None if namespaces is None else _listed(namespaces)
    expires_at_ms = None if expires_in is None else database.clock.unix_ms() + expires_in * 1000
    with audited("key.create", database.tenant, database.clock) as attempt:
        key, text = database.api_keys.create(
            database.tenant, name, wanted, expires_at_ms=expires_at_ms, namespaces=reach
        )
        attempt.target = key.id
    if as_json:
        print_json({"key": text, "id": key.id, "name": key.name, "scopes": wanted, "namespaces": reach})
        return
    print_facts(
        {
            "key": text,
            "id": key.id,
            "name": key.name,
            "scopes": ", ".join(wanted),
            "namespaces": _reach(key),
            "expires": _day(expires_at_ms),
        }
    )
    click.echo("Keep it now: it cannot be shown again. Send it as `Authorization: Bearer KEY`.")


@keys.command(
    name="list",
    epilog="\b\nExample:\n  quartzdb keys list --json | jq '.keys[] | select(.status == \"active\")'",
)
@location_options
@json_option
def list_keys(location: DatabaseLocation, as_json: bool) -> None:
    """List API keys, revoked and expired ones included. Never shows a key itself."""
    database = location.open()

    found = database.api_keys.list(database.tenant)
    now_ms = database.clock.unix_ms()
    if as_json:
        print_json({"keys": [_document(key, now_ms) for key in found]})
        return
    rows = [
        [
            key.id,
            key.name,
            ", ".join(sorted(key.scopes)),
            _reach(key),
            key.created_by or "-",
            _status(key, now_ms),
            _day(key.created_at_ms),
            _day(key.expires_at_ms),
            _day(key.last_used_at_ms),
        ]
        for key in found
    ]
    print_table(
        ["id", "name", "scopes", "namespaces", "made with", "status", "created", "expires", "last used"], rows
    )


@keys.command(
    epilog="""\b
Examples:
  quartzdb keys rotate 3f9c2a1b04de                the old key goes on for a day
  quartzdb keys rotate 3f9c2a1b04de --overlap 0s   it ends now"""
)
@click.argument("key_id", metavar="ID")
@location_options
@click.option(
    "--overlap",
    type=Duration(least=0),
    default="24h",
    show_default=True,
    help="How long the old key goes on.",
)
@click.option("--expires-in", type=Duration(), help="How long the new one works. Default: as the old one.")
@json_option
def rotate(
    key_id: str, location: DatabaseLocation, overlap: int, expires_in: int | None, as_json: bool
) -> None:
    """Make a key with the name, scopes and namespaces of the API key ID, which ends after the overlap.

    Put the new one in place meanwhile; `keys list` shows when the old one was last used.
    """
    database = location.open()

    expires_at_ms = None if expires_in is None else database.clock.unix_ms() + expires_in * 1000
    with audited("key.rotate", database.tenant, database.clock, target=key_id) as attempt:
        made = database.api_keys.rotate(database.tenant, key_id, overlap, expires_at_ms=expires_at_ms)
        attempt.target = f"{key_id},{made.key.id}"
    replaced = {"id": made.replaced.id, "expires_at_ms": made.replaced.expires_at_ms}
    if as_json:
        print_json({"key": made.text, **_document(made.key, database.clock.unix_ms()), "replaces": replaced})
        return
    print_facts(
        {
            "key": made.text,
            "id": made.key.id,
            "name": made.key.name,
            "expires": _day(made.key.expires_at_ms),
            "replaces": made.replaced.id,
            "which ends": _day(made.replaced.expires_at_ms),
        }
    )
    click.echo("Keep it now: it cannot be shown again. Send it as `Authorization: Bearer KEY`.")


@keys.command(epilog="\b\nExample:\n  quartzdb keys revoke 3f9c2a1b04de")
@click.argument("key_id", metavar="ID")
@click.option("--cascade", is_flag=True, help="End every key, too, that was made with it, directly or not.")
@location_options
@json_option
def revoke(key_id: str, cascade: bool, location: DatabaseLocation, as_json: bool) -> None:
    """End the API key ID now. `quartzdb keys list` shows the ids, and with which key each was made."""
    database = location.open()

    with audited("key.revoke", database.tenant, database.clock, target=key_id) as attempt:
        ended = database.api_keys.revoke(database.tenant, key_id, cascade=cascade)
        attempt.target = ",".join(ended) or key_id
    if as_json:
        print_json({"id": key_id, "status": "revoked", "ids": list(ended)})
        return
    for one in ended:
        click.echo(f"The key {one} is revoked. A running server may accept it for a few seconds more.")


def _listed(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _reach(key: ApiKey) -> str:
    return "all" if key.namespaces is None else ", ".join(sorted(key.namespaces))


def _document(key: ApiKey, now_ms: int) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "namespaces": None if key.namespaces is None else sorted(key.namespaces),
        "created_by": key.created_by,
        "status": _status(key, now_ms),
        "created_at_ms": key.created_at_ms,
        "expires_at_ms": key.expires_at_ms,
        "revoked_at_ms": key.revoked_at_ms,
        "last_used_at_ms": key.last_used_at_ms,
    }


def _status(key: ApiKey, now_ms: int) -> str:
    if key.revoked_at_ms is not None:
        return "revoked"
    return "expired" if key.expires_at_ms is not None and key.expires_at_ms <= now_ms else "active"


def _day(at_ms: int | None) -> str:
    if at_ms is None:
        return "never"
    return f"{datetime.fromtimestamp(min(at_ms, TIME_MS_MAX) / 1000, UTC):%Y-%m-%d %H:%M} UTC"
