"""What functions that trim, merge and purge must keep for the other site."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from quartzdb.aws_lambda.database import database_settings
from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.storage.ports import Retention

if TYPE_CHECKING:
    from quartzdb.wiring.aws import AwsAdapters


def retention_for_peer(settings: FunctionSettings) -> Callable[[AwsAdapters], Retention] | None:
    """None where this site is alone."""
    peer = settings.peer
    if peer is None:
        return None

    def retention(_: AwsAdapters) -> Retention:
        # Imported by a site that is one of two, and by no other.
        from quartzdb.wiring.replication_aws import aws_retention

        return aws_retention(database_settings(settings), peer)

    return retention
