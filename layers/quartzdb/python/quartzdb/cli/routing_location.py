"""Where the routing state of a command is: in the data directory, or in the table and the bucket, that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quartzdb.cli.data_dir import require_database
from quartzdb.cli.database_location import DatabaseLocation, DataDirectory, Deployment
from quartzdb.cli.failure import Failure
from quartzdb.cli.settings import SECRET_VARIABLE, given_origin_secret

if TYPE_CHECKING:
    from quartzdb.wiring.routing import RoutingAdapters


def open_routing(location: DatabaseLocation) -> RoutingAdapters:
    """What the routing state is kept in and published with. Raises Failure, QuartzError."""
    if isinstance(location, Deployment):
        from quartzdb.wiring.routing_aws import aws_routing

        return aws_routing(location.settings())
    assert isinstance(location, DataDirectory)
    from quartzdb.wiring.routing import embedded_routing

    # A mistyped path must not become a new directory.
    require_database(location.path)
    return embedded_routing(location.path)


def origin_secret(location: DatabaseLocation, arn: str | None) -> str:
    """The secret that overrides are signed with. Never an argument: those are everybody's to see. Raises Failure."""
    if arn is not None and isinstance(location, Deployment):
        return location.settings().clients().secret_reader(arn)()[0]
    given = given_origin_secret()
    if not given:
        raise Failure(
            "There is no origin secret to sign with.",
            hint="Give --secret-arn with --table and --bucket (the output OriginSecretArn of the service stack), or "
            f"put the secret into {SECRET_VARIABLE}.",
        )
    return given
