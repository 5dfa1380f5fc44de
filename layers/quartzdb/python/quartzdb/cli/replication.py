"""`quartzdb replication`: how two sites stand to each other, and what an operator can do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from quartzdb.cli.data_dir import require_database
from quartzdb.cli.database_location import DatabaseLocation, DataDirectory, Deployment, location_options
from quartzdb.cli.failure import Failure
from quartzdb.cli.output import json_option, notice, print_facts, print_json, print_table
from quartzdb.cli.serve.peer import PeerOptions, peer_options

if TYPE_CHECKING:
    from quartzdb.replication.ports import Checkpoint, Direction
    from quartzdb.wiring.replication import ReplicationAdapters


@click.group()
def replication() -> None:
    """See how far two sites are apart, compare them, and let a direction go on that stands still."""


@replication.command(
    epilog="""\b
Examples:
  quartzdb replication status
  quartzdb replication status --table NAME --bucket NAME --json | jq '.directions[] | select(.error)'"""
)
@location_options
@json_option
def status(location: DatabaseLocation, as_json: bool) -> None:
    """Show each direction of each feed, from the checkpoints: the peer is not asked.

    `through` is the time up to which the destination has everything; `pending` are changes that were read and could not
    be applied; `unreplayable` those that a peer of the kind contract cannot be told of.
    """
    adapters = open_replication(location)
    now_ms = adapters.clock.unix_ms()
    everything = sorted(adapters.checkpoints.all_checkpoints().items())
    repairs = adapters.checkpoints.repairs()
    if as_json:
        directions = [_document(direction, state, now_ms) for direction, state in everything]
        compared = [
            {
                **_names(direction),
                "under_way": state.begun_ms > 0,
                "finished_ms": state.finished_ms or None,
                "repaired": state.repaired,
                "different": state.different,
                "error": state.error,
            }
            for direction, state in sorted(repairs.items())
        ]
        print_json({**location.document(), "now_ms": now_ms, "directions": directions, "repairs": compared})
        return
    if not everything:
        click.echo("Replication has not run here.")
        return
    print_table(
        ["from", "to", "tenant", "namespace", "feed", "behind s", "pending", "unreplayable", "state"],
        [_row(direction, state, now_ms) for direction, state in everything],
    )
    for direction, state in everything:
        if state.error:
            click.echo(
                f"{direction.source} to {direction.destination}, {direction.namespace} {direction.feed}: {state.error}"
            )
    different = sum(state.different for state in repairs.values())
    if different:
        click.echo(f"DIFFERENT: {different} parts of the data stayed different after the latest comparison.")


@replication.command(
    epilog="""\b
Examples:
  quartzdb replication resume
  quartzdb replication resume --table NAME --bucket NAME --namespace default"""
)
@location_options
@click.option("--namespace", "name", help="Only the directions of this one.")
@json_option
def resume(location: DatabaseLocation, name: str | None, as_json: bool) -> None:
    """Let directions go on that stand still because the peer refused a page for good.

    Nothing is skipped: the same page is sent again, so do this once its cause is mended. The driver takes it up in its
    next round.
    """
    from quartzdb.replication.streams.pump import resumed

    adapters = open_replication(location)
    stopped = [
        (direction, state)
        for direction, state in sorted(adapters.checkpoints.all_checkpoints().items())
        if state.stopped and name in {None, direction.namespace}
    ]
    for direction, state in stopped:
        adapters.checkpoints.write(direction, resumed(state))
    if as_json:
        print_json({**location.document(), "resumed": [_names(direction) for direction, _ in stopped]})
        return
    if not stopped:
        click.echo("No direction stands still.")
    for direction, _ in stopped:
        click.echo(
            f"Goes on: {direction.source} to {direction.destination}, {direction.namespace} {direction.feed}"
        )


@replication.command(
    name="public-key",
    epilog="""\b
Examples:
  openssl rand -hex 32 > signing.secret
  quartzdb replication public-key signing.secret
  aws secretsmanager get-secret-value --secret-id ARN --query SecretString --output text \\
      | quartzdb replication public-key -""",
)
@click.argument("file", type=click.File("r", encoding="utf-8"))
@json_option
def public_key(file: TextIO, as_json: bool) -> None:
    """Print the public key of the signing secret in FILE (- for standard input): what the other site is told.

    Of the file the first line counts. The secret stays at the site that manages API keys.
    """
    from quartzdb.wiring.replication import public_key_text

    text = public_key_text(file.readline().strip())
    if as_json:
        print_json({"public_key": text})
    else:
        click.echo(text)


@replication.command(
    epilog="""\b
Examples:
  quartzdb replication repair --site aws --peer-site cloudflare --peer-url https://db.example.com \\
      --replication-secret-file secret"""
)
@location_options
@peer_options
@json_option
def repair(location: DatabaseLocation, peer: PeerOptions, as_json: bool) -> None:
    """Compare both sites now, and bring to either what it lacks.

    Also runs by itself: every hour, and after a gap. A server of the same data may run meanwhile.
    """
    settings = peer.settings()
    if settings is None or settings.url is None:
        raise Failure("There is no site to compare with.", hint="Give --peer-site and --peer-url.")
    from quartzdb.wiring.replication import open_repairs, peering_of

    adapters = open_replication(location)
    settings = settings.residing(adapters.grants, adapters.clock)
    secrets = peer.secrets()
    peering = peering_of(settings, secrets, adapters.checkpoints, adapters.clock)
    if isinstance(location, Deployment):
        from quartzdb.wiring.aws import open_aws

        database = open_aws(location.settings(), peering=peering)
    else:
        from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded

        assert isinstance(location, DataDirectory)
        database = open_embedded(EmbeddedSettings(location.path, site=settings.site), peering=peering)
    found: list[dict[str, Any]] = []
    for outbound, one in open_repairs(database, settings, secrets, adapters):
        notice(f"Comparing {outbound.namespace} {outbound.feed} with {outbound.destination} …", quiet=as_json)
        state = one.begin()
        while state.begun_ms:
            state = one.step()
        found.append(
            {
                "tenant": outbound.tenant,
                "namespace": outbound.namespace,
                "feed": str(outbound.feed),
                "repaired": state.repaired,
                "different": state.different,
            }
        )
    if as_json:
        print_json({**location.document(), "peer": settings.peer_site, "compared": found})
        return
    columns = ["tenant", "namespace", "feed", "repaired", "different"]
    print_table(columns, [[str(one[column]) for column in columns] for one in found])
    print_facts({"peer": settings.peer_site, "repaired": str(sum(one["repaired"] for one in found))})


def open_replication(location: DatabaseLocation) -> ReplicationAdapters:
    if isinstance(location, Deployment):
        from quartzdb.wiring.replication_aws import aws_replication

        return aws_replication(location.settings())
    assert isinstance(location, DataDirectory)
    from quartzdb.wiring.replication import embedded_replication

    # A mistyped path must not become a new directory.
    require_database(location.path)
    return embedded_replication(location.path)


def _names(direction: Direction) -> dict[str, str]:
    return {
        "source": direction.source,
        "destination": direction.destination,
        "tenant": direction.tenant,
        "namespace": direction.namespace,
        "feed": str(direction.feed),
    }


def _document(direction: Direction, state: Checkpoint, now_ms: int) -> dict[str, Any]:
    return {
        **_names(direction),
        "behind_ms": max(0, now_ms - state.through_ms) if state.through_ms else None,
        "through_ms": state.through_ms or None,
        "last_success_ms": state.last_success_ms or None,
        "pending": state.pending,
        "unreplayable": state.unreplayable,
        "stopped": state.stopped,
        "error": state.error,
    }


def _row(direction: Direction, state: Checkpoint, now_ms: int) -> Sequence[str]:
    behind = f"{max(0, now_ms - state.through_ms) / 1000:.1f}" if state.through_ms else "-"
    condition = "stopped" if state.stopped else "failing" if state.error else "runs"
    return [
        direction.source,
        direction.destination,
        direction.tenant,
        direction.namespace,
        str(direction.feed),
        behind,
        str(state.pending),
        str(state.unreplayable),
        condition,
    ]
