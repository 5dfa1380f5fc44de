"""The function that a schedule wakes each minute: it drives replication until the next one takes over."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from quartzdb.aws_lambda.database import database_settings
from quartzdb.aws_lambda.metrics import CloudWatchMetric
from quartzdb.aws_lambda.settings import FunctionSettings, needed
from quartzdb.aws_lambda.snapstart import after_restore, reseed
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry, telemetry
from quartzdb.domain.errors import QuartzError
from quartzdb.replication.ports import Checkpoints
from quartzdb.replication.status import ReplicationStatus
from quartzdb.replication.streams.driver import Driver
from quartzdb.replication.streams.round_statistics import RoundStatistics
from quartzdb.wiring.aws import rename_writer
from quartzdb.wiring.replication import open_driver
from quartzdb.wiring.replication_aws import aws_replication, open_aws_site

RUN_SECONDS = 55.0
"""The schedule comes by every 60."""
WAIT_SECONDS = 20.0
"""For the one before, where it has not ended yet, or for the lease of one that died."""
MARGIN_SECONDS = 10.0
"""Of the function's time: a request to the peer that is under way may take that long, and metrics are written."""


def replicator_function(settings: FunctionSettings) -> LambdaHandler:
    """The handler. Asks AWS and the peer nothing yet. Raises InvalidSettings."""
    observed = telemetry(settings)
    peer = settings.peer
    if peer is None or peer.settings.url is None:
        needed(None, "QUARTZDB_PEER_URL" if peer else "QUARTZDB_REPLICATION_SECRET_ARN")
        raise AssertionError  # `needed` raises
    aws = database_settings(settings)
    clients = aws.clients()
    adapters = aws_replication(aws, peer, clients=clients)
    database, secrets = open_aws_site(aws, peer, adapters, clients=clients)
    status = ReplicationStatus(peer.settings.site, [peer.settings.peer], adapters.checkpoints, adapters.clock)

    def observe(statistics: RoundStatistics) -> None:
        count_round(statistics, observed)

    residing = peer.settings.residing(adapters.grants, adapters.clock)
    driver = open_driver(database, residing, secrets, adapters, observe=observe)

    def renew() -> None:
        rename_writer(database, aws)
        reseed()

    after_restore(renew)
    return observed.handler(
        replicating_handler(driver, lambda: count_standing(status, adapters.checkpoints, observed))
    )


def replicating_handler(driver: Driver, standing: Callable[[], None]) -> LambdaHandler:
    """What is done each minute. The event may say `seconds`, for a run by hand."""

    def handle(event: Any, context: Any) -> Mapping[str, Any]:
        seconds = RUN_SECONDS
        if isinstance(event, Mapping) and isinstance(event.get("seconds"), int | float):
            seconds = min(float(event["seconds"]), RUN_SECONDS)
        begun = time.monotonic()
        left = context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS
        until = begun + min(seconds, left)
        rounds = driver.run(until, wait_until=min(begun + WAIT_SECONDS, until))
        standing()
        return {"rounds": rounds}

    return handle


def count_round(statistics: RoundStatistics, observed: Telemetry) -> None:
    """The metrics of one round."""
    for metric, value in (
        (CloudWatchMetric.REPLICATION_APPLIED, statistics.applied),
        (CloudWatchMetric.REPLICATION_FAILURES, statistics.failed + statistics.broken),
        (CloudWatchMetric.REPLICATION_REPAIRED, statistics.repaired),
        (CloudWatchMetric.REPLICATION_UNREPLAYABLE, statistics.unreplayable),
        (CloudWatchMetric.MIRROR_MALFORMED, statistics.malformed),
    ):
        if value:
            observed.count(metric, value)


def count_standing(status: ReplicationStatus, checkpoints: Checkpoints, observed: Telemetry) -> None:
    """How far both sites are apart at the end of a run: written each minute, also when nothing happens."""
    try:
        lag_ms = status.lag_ms()
        states = checkpoints.all_checkpoints().values()
        different = sum(state.different for state in checkpoints.repairs().values())
    except QuartzError:
        observed.logger.exception("it could not be told how replication stands")
        observed.count(CloudWatchMetric.REPLICATION_LAG_UNKNOWN)
        return
    observed.count(CloudWatchMetric.REPLICATION_LAG_UNKNOWN, int(lag_ms is None))
    if lag_ms is not None:
        observed.count(CloudWatchMetric.REPLICATION_LAG_SECONDS, lag_ms / 1000)
    observed.count(CloudWatchMetric.REPLICATION_PENDING, sum(state.pending for state in states))
    observed.count(CloudWatchMetric.REPLICATION_STOPPED, sum(state.stopped for state in states))
    observed.count(CloudWatchMetric.REPLICATION_DIFFERENT, different)
