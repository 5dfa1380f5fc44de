"""The function that a schedule wakes each minute: it probes both origins until the next one takes over."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from quartzdb.aws_lambda.database import database_settings
from quartzdb.aws_lambda.metrics import CloudWatchMetric
from quartzdb.aws_lambda.settings import FunctionSettings, needed
from quartzdb.aws_lambda.telemetry import LambdaHandler, Telemetry, telemetry
from quartzdb.routing.decision.breaker import BreakerState
from quartzdb.routing.decision.state import Origin
from quartzdb.routing.decision.window import Reason
from quartzdb.routing.probe.probing import LEASE_MS, Probing, Round
from quartzdb.wiring.routing_aws import open_probing

RUN_SECONDS = 55.0
"""The schedule comes by every 60."""
WAIT_SECONDS = LEASE_MS / 1000
"""For the one before, where it has not ended yet; if it was killed, its lease lapses by then."""
MARGIN_SECONDS = 3.0
"""Of the function's time: to store what was learned, and to write metrics."""

_LATENCIES = {
    Origin.AWS: CloudWatchMetric.AWS_PROBE_MS,
    Origin.CLOUDFLARE: CloudWatchMetric.CLOUDFLARE_PROBE_MS,
}


def health_probe_function(settings: FunctionSettings) -> LambdaHandler:
    """The handler. Asks AWS nothing yet. Raises InvalidSettings."""
    observed = telemetry(settings)
    if settings.probe is None:
        needed(None, "QUARTZDB_CLOUDFLARE_URL")
        raise AssertionError  # `needed` raises
    probing = open_probing(
        database_settings(settings),
        settings.probe,
        observe=lambda found: count_round(found, observed),
    )
    return observed.handler(probing_handler(probing))


def probing_handler(probing: Probing) -> LambdaHandler:
    """What is done each minute. The event may say `seconds`, for a run by hand."""

    def handle(event: Any, context: Any) -> Mapping[str, Any]:
        seconds = RUN_SECONDS
        if isinstance(event, Mapping) and isinstance(event.get("seconds"), int | float):
            seconds = min(float(event["seconds"]), RUN_SECONDS)
        begun = time.monotonic()
        left = context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS
        until = begun + min(seconds, left)
        return {"rounds": probing.run(until, wait_until=min(begun + WAIT_SECONDS, until))}

    return handle


def count_round(found: Round, observed: Telemetry) -> None:
    """The metrics of one round."""
    failed = [probe for probe in found.probes.values() if not probe.ok]
    refused = sum(probe.reason is Reason.NOT_ADMITTED for probe in failed)
    impossible = len(Origin) - len(found.probes) + refused
    observed.count(CloudWatchMetric.PROBE_ROUNDS)
    for origin, probe in found.probes.items():
        observed.count(_LATENCIES[origin], probe.latency_ms)
    observed.count(
        CloudWatchMetric.BREAKERS_OPEN,
        sum(one.breaker is not BreakerState.CLOSED for one in found.healths.values()),
    )
    if failed:
        observed.count(CloudWatchMetric.PROBE_FAILURES, len(failed))
    if impossible:
        observed.count(CloudWatchMetric.PROBES_IMPOSSIBLE, impossible)
    if found.change is None:
        observed.count(CloudWatchMetric.ROUTING_UNDECIDED)
        return
    observed.count(
        CloudWatchMetric.FAILED_OVER, int(found.change.after.active is not found.change.after.primary)
    )
    if found.change.after != found.change.before:
        observed.count(CloudWatchMetric.ROUTING_CHANGED)
    if found.change.switched:
        observed.count(CloudWatchMetric.ORIGIN_SWITCHED)
        # An alarm need not wait for the end of this run.
        observed.metrics.flush_metrics()
