"""A function that answers requests, put together once at init: settings → database → application → handler."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.api.slice_limiter import SliceLimiter, threads_beside
from quartzdb.aws_lambda.database import database_settings
from quartzdb.aws_lambda.http_handler import http_handler
from quartzdb.aws_lambda.metrics import CloudWatchMetric
from quartzdb.aws_lambda.origin_secret import OriginSecret
from quartzdb.aws_lambda.preparation import prepare
from quartzdb.aws_lambda.settings import FunctionSettings, needed
from quartzdb.aws_lambda.snapstart import after_restore, before_snapshot, reseed
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry, telemetry
from quartzdb.wiring.aws import AwsSettings, import_for_first_request, open_aws, rename_writer
from quartzdb.wiring.aws_clients import AwsClients
from quartzdb.wiring.embedded import Database

_MB = 1024 * 1024

API_SETTINGS = ApiSettings(
    # What arrives is at most 6 MB; this bounds what it may inflate to.
    body_bytes_max=32 * _MB,
    # One key has half: a body of 32 MB, and its vectors as objects.
    bodies_bytes_max=512 * _MB,
    # An instance has one request at a time. There is room for those whose deadline passed and whose work goes on.
    requests_max=16,
    threads=4,
    computing_threads=2,
    # A request ends with its invocation, and each look at a feed is a request to DynamoDB.
    streams=False,
    feed_pause_seconds=1.0,
    looks_cost=True,
    # The log is asked over a network, and the deadline of an invocation is kept by the event loop.
    brief_on_loop=False,
)


def http_function(settings: FunctionSettings, *, searches: bool = False) -> LambdaHandler:
    """The handler; `searches`: of a function that is sent searches. Asks AWS nothing yet. Raises InvalidSettings."""
    secret_arn = (
        needed(settings.origin_secret_arn, "QUARTZDB_ORIGIN_SECRET_ARN") if settings.fronted else None
    )
    observed = telemetry(settings)
    aws = replace(database_settings(settings), searches=searches or not settings.fronted)
    clients = aws.clients()
    database = _open(aws, settings, clients)
    secret = OriginSecret(clients.secret_reader(secret_arn), database.clock) if secret_arn else None

    def renew() -> None:
        rename_writer(database, aws)
        if secret is not None:
            secret.forget()
        reseed()

    def be_ready() -> None:
        if secret is not None:
            _ = clients.secrets  # else made by the first request
        clients.be_ready()
        import_for_first_request(searches=aws.searches)
        prepare()

    before_snapshot(be_ready)
    after_restore(renew)
    # An instance is stopped between requests, so that nothing can be leased beside them.
    limiter = SliceLimiter(
        database.rate_slices,
        database.clock,
        ahead=None,
        beside=threads_beside(),
        on_trouble=lambda: observed.count(CloudWatchMetric.RATE_LIMITS_OPEN, 1),
    )
    api = replace(API_SETTINGS, site=settings.site, region=settings.region)
    app = create_app(database, api, rate_limiter=limiter)
    return observed.handler(_watched(http_handler(app, secret, observed), database, observed))


def _open(aws: AwsSettings, settings: FunctionSettings, clients: AwsClients) -> Database:
    if settings.peer is None:
        return open_aws(aws, clients=clients)
    # Imported by a site that is one of two, and by no other.
    from quartzdb.wiring.replication_aws import aws_replication, open_aws_site

    adapters = aws_replication(aws, settings.peer, clients=clients)
    return open_aws_site(aws, settings.peer, adapters, clients=clients)[0]


def _watched(handle: LambdaHandler, database: Database, observed: Telemetry) -> LambdaHandler:
    """Count what is served from less than the newest manifest: answers stay right, but somebody has to look."""

    def handler(event: Any, context: Any) -> Any:
        answer = handle(event, context)
        degraded = sum(
            reader.snapshot is not None and reader.snapshot.degraded is not None
            for reader in database.readers.opened()
        )
        if degraded:
            observed.count(CloudWatchMetric.SNAPSHOT_DEGRADED, degraded)
        return answer

    return handler
