"""`quartzdb origin`: which origin serves, and what an operator wants of it."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from quartzdb.cli.database_location import DatabaseLocation, location_options
from quartzdb.cli.duration import Duration
from quartzdb.cli.failure import Failure
from quartzdb.cli.numbers import WholeNumber
from quartzdb.cli.output import json_option, notice, print_facts, print_json, print_table
from quartzdb.cli.routing_location import open_routing, origin_secret
from quartzdb.cli.settings import SECRET_VARIABLE
from quartzdb.domain.errors import Corrupted, Unavailable
from quartzdb.routing.decision import operator_commands
from quartzdb.routing.decision.origin_health import OriginHistory, health_of
from quartzdb.routing.decision.override import HEADER, TTL_SECONDS_MAX, sign_override
from quartzdb.routing.decision.probe_memory import InvalidMemory, decode_memory, no_memory
from quartzdb.routing.decision.rules import DEFAULT_RULES
from quartzdb.routing.decision.state import Origin, RoutingState

if TYPE_CHECKING:
    from quartzdb.wiring.routing import RoutingAdapters

_ORIGIN = click.Choice([origin.value for origin in Origin])
OperatorCommand = Callable[[RoutingState, int, str], RoutingState | None]


@click.group()
def origin() -> None:
    """See which origin serves, and have another one serve.

    Every change is conditional on what it was decided from, is published to the edge, and is told as an event. The
    health probe respects it: a failover stays until `auto` or `failback`, a drained origin is not gone back to.
    """


@origin.command(
    epilog="""\b
Examples:
  quartzdb origin status --table NAME --bucket NAME
  quartzdb origin status --json | jq -r .active"""
)
@location_options
@json_option
def status(location: DatabaseLocation, as_json: bool) -> None:
    """Show which origin serves, how, and what the probe knows of both."""
    adapters = open_routing(location)
    state = adapters.states.read()
    now_ms = adapters.clock.unix_ms()
    seen = _seen(adapters, now_ms)
    if as_json:
        print_json(
            {**location.document(), **(_document(state) if state else {"active": None}), "origins": seen}
        )
        return
    if state is None:
        click.echo("There is no routing state yet: the health probe begins it.")
    else:
        print_facts(_facts(state))
    print_table(
        ["origin", "verdict", "breaker", "probes", "failed", "latest", "latency ms"],
        [
            [
                name,
                str(one["verdict"]),
                str(one["breaker"]),
                str(one["probes"]),
                str(one["failed"]),
                str(one["latest"] or "-"),
                str(one["latency_ms"] if one["latency_ms"] is not None else "-"),
            ]
            for name, one in seen.items()
        ],
    )


@origin.command(epilog="\b\nExample:\n  quartzdb origin drain cloudflare --table NAME --bucket NAME")
@click.argument("name", type=_ORIGIN)
@location_options
@json_option
def drain(location: DatabaseLocation, name: str, as_json: bool) -> None:
    """Take an origin out.

    Nothing is switched to it any more, and if it is the active one the probe leaves it as soon as the other is well.
    The last origin that serves stays in any case.
    """
    _command(
        location, as_json, lambda state, now_ms, by: operator_commands.drain(state, Origin(name), now_ms, by)
    )


@origin.command(epilog="\b\nExample:\n  quartzdb origin undrain cloudflare --table NAME --bucket NAME")
@click.argument("name", type=_ORIGIN)
@location_options
@json_option
def undrain(location: DatabaseLocation, name: str, as_json: bool) -> None:
    """Let an origin serve again."""
    _command(
        location,
        as_json,
        lambda state, now_ms, by: operator_commands.undrain(state, Origin(name), now_ms, by),
    )


@origin.command(
    epilog="""\b
Examples:
  quartzdb origin failover --table NAME --bucket NAME
  quartzdb origin failover --to cloudflare --table NAME --bucket NAME"""
)
@click.option("--to", type=_ORIGIN, help="The origin to serve. Default: the one that does not now.")
@location_options
@json_option
def failover(location: DatabaseLocation, to: str | None, as_json: bool) -> None:
    """Have the other origin serve now, and stay there.

    Neither its health nor the lag of replication is asked. It stays active until `origin auto` or `origin failback`,
    whatever the probe finds; if it fails, safe requests are answered by the other.
    """
    # Named before it is changed: decided again from another state, the other one would be another.
    current = _current(open_routing(location))
    target = Origin(to) if to is not None else current.other
    _command(
        location, as_json, lambda state, now_ms, by: operator_commands.fail_over(state, target, now_ms, by)
    )


@origin.command(epilog="\b\nExample:\n  quartzdb origin failback --table NAME --bucket NAME")
@click.option("--force", is_flag=True, help="Now, whatever the lag of replication and the primary's health.")
@location_options
@json_option
def failback(location: DatabaseLocation, force: bool, as_json: bool) -> None:
    """Return to the primary: when the rules allow it, or with --force now.

    Without --force this takes a failover back as a command; the probe returns once the primary is healthy and
    replication is level, by way of 10 % and 50 % of the requests.
    """
    _command(
        location,
        as_json,
        lambda state, now_ms, by: operator_commands.fail_back(state, now_ms, by, force=force),
    )


@origin.command(epilog="\b\nExample:\n  quartzdb origin auto --table NAME --bucket NAME")
@location_options
@json_option
def auto(location: DatabaseLocation, as_json: bool) -> None:
    """Leave the decision to the probe again."""
    _command(location, as_json, operator_commands.release)


@origin.command(epilog="\b\nExample:\n  quartzdb origin canary 5 --table NAME --bucket NAME")
@click.argument("percent", type=WholeNumber(0, 99))
@location_options
@json_option
def canary(location: DatabaseLocation, percent: int, as_json: bool) -> None:
    """Send a share of the clients to the origin that is not active; 0 ends it.

    A client, told by its API key, stays on its side. It ends by itself at the first probe of that origin that fails.
    """
    _command(
        location, as_json, lambda state, now_ms, by: operator_commands.canary(state, percent, now_ms, by)
    )


@origin.command(
    epilog="""\b
Examples:
  curl -H "$(quartzdb origin override --origin aws --ttl 1h --secret-arn ARN --table NAME --bucket NAME)" URL/health"""
)
@click.option("--origin", "name", type=_ORIGIN, required=True, help="The origin that is to answer.")
@click.option("--ttl", type=Duration(), default="1h", show_default=True, help="How long, as in 10m or 1h.")
@click.option("--secret-arn", help=f"The origin secret. Default: the environment variable {SECRET_VARIABLE}.")
@location_options
@json_option
def override(location: DatabaseLocation, name: str, ttl: int, secret_arn: str | None, as_json: bool) -> None:
    """Print a header that sends single requests to an origin of your choice, whatever the routing state says.

    It is signed with the origin secret and expires. Whoever has it can do nothing but choose the origin.
    """
    if not 1 <= ttl <= TTL_SECONDS_MAX:
        raise Failure(f"An override lasts from a second to {TTL_SECONDS_MAX // 3600} hours.")
    from time import time

    expires_s = int(time()) + ttl
    value = sign_override(Origin(name), expires_s, origin_secret(location, secret_arn))
    if as_json:
        print_json({"header": HEADER, "value": value, "expires_s": expires_s})
    else:
        click.echo(f"{HEADER}: {value}")


def _command(location: DatabaseLocation, as_json: bool, command: OperatorCommand) -> None:
    """Change the state as is wished, publish it and say what it is now."""
    from quartzdb.wiring.routing import routing_changes

    adapters = open_routing(location)
    by = f"operator {getpass.getuser()}"
    changes = routing_changes(adapters, primary=None, by=by)
    try:
        change = changes.make(lambda state: command(state, adapters.clock.unix_ms(), by))
    except operator_commands.Drained as drained:
        raise Failure(
            f"{drained}: nothing is sent there.", hint="Give `quartzdb origin undrain` first."
        ) from drained
    except operator_commands.RampIsTheProbes as ramp:
        raise Failure(
            "Requests are on their way back to the primary, and the probe sets their share.",
            hint="Pin the active origin with `quartzdb origin failover` first, or wait until it is over.",
        ) from ramp
    done = change.after != change.before
    try:
        # In any case: an earlier change may not have been published.
        changes.publish(change.after)
    except (Unavailable, Corrupted) as error:
        raise Failure(
            f"The state is stored, and could not be published: {error.message}",
            hint="The health probe publishes it within a minute; giving the command again does so, too.",
        ) from error
    changes.tell()
    if changes.untold:
        notice("The change could not be told as an event.")
    if done:
        notice(f"audit: {by} changed the routing to revision {change.after.revision}: {change.after.reason}")
    if as_json:
        print_json({**location.document(), **_document(change.after), "changed": done})
        return
    print_facts(_facts(change.after))
    if not done:
        click.echo("Nothing was changed: it was so already.")


def _current(adapters: RoutingAdapters) -> RoutingState:
    state = adapters.states.read()
    if state is None:
        raise Failure("There is no routing state yet.", hint="The health probe begins it: see that it runs.")
    return state


def _document(state: RoutingState) -> dict[str, Any]:
    return {
        "active": state.active.value,
        "primary": state.primary.value,
        "mode": state.mode.value,
        "revision": state.revision,
        "epoch": state.epoch,
        "ramp_percent": state.ramp_percent,
        "pinned": state.pinned,
        "drained": sorted(origin.value for origin in state.drained),
        "since_ms": state.since_ms,
        "reason": state.reason,
    }


def _facts(state: RoutingState) -> dict[str, str]:
    facts = {
        "active": state.active.value,
        "primary": state.primary.value,
        "mode": state.mode.value,
        "since": f"{datetime.fromtimestamp(state.since_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC",
        "reason": state.reason,
        "revision": f"{state.revision}, epoch {state.epoch}",
    }
    if state.ramp_percent:
        facts["ramp"] = f"{state.ramp_percent} % go to {state.other}"
    if state.pinned:
        facts["pinned"] = "until `quartzdb origin auto` or `failback`"
    if state.drained:
        facts["drained"] = ", ".join(sorted(state.drained))
    return facts


def _seen(adapters: RoutingAdapters, now_ms: int) -> dict[str, dict[str, Any]]:
    try:
        memory = decode_memory(adapters.states.read_memory() or b"")
    except InvalidMemory:
        memory = no_memory()
    return {origin.value: _known(memory[origin], now_ms) for origin in Origin}


def _known(record: OriginHistory, now_ms: int) -> dict[str, Any]:
    health = health_of(record, now_ms, DEFAULT_RULES)
    window = record.window.recent(now_ms, DEFAULT_RULES)
    latest = window.probes[-1] if window.probes else None
    return {
        "verdict": health.verdict.value,
        "breaker": health.breaker.value,
        "probes": len(window.probes),
        "failed": window.failed,
        "latest": None if latest is None else ("ok" if latest.reason is None else latest.reason.value),
        "latency_ms": None if latest is None else latest.latency_ms,
    }
