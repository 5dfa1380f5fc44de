"""The database that a function was deployed with, as the composition roots want it described, and what it must keep."""

from __future__ import annotations

from collections.abc import Callable

from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.storage.ports import Retention
from quartzdb.wiring.aws import AwsSettings
from quartzdb.wiring.aws_clients import AwsClients


def database_settings(settings: FunctionSettings) -> AwsSettings:
    """From the function's settings."""
    return AwsSettings(
        table=settings.table,
        bucket=settings.bucket,
        site=settings.site,
        region=settings.region,
        work_dir=settings.work_dir,
        cache_bytes_max=settings.disk_cache_bytes_max,
        fetched_bytes_max=settings.fetched_bytes_max,
        index_threads=settings.index_threads,
        default_engine=settings.default_engine,
        changes_kept_ms=settings.changes_kept_ms,
        endpoints=settings.endpoints,
    )


def retention_for_peer(settings: FunctionSettings) -> Callable[[AwsClients], Retention] | None:
    """None where this site is alone."""
    peer = settings.peer
    if peer is None:
        return None

    def retention(clients: AwsClients) -> Retention:
        # Imported by a site that is one of two, and by no other.
        from quartzdb.wiring.replication_aws import aws_retention

        return aws_retention(database_settings(settings), peer, clients)

    return retention
