"""The function that counts usage lines as CloudWatch Logs delivers them, and keeps audit lines for who appends them to
audit logs, which it cannot reach. What it fails to do comes again.
"""

from __future__ import annotations

from typing import Any

from quartzdb.adapters.system_clock import SystemClock
from quartzdb.aws_lambda.telemetry import LambdaHandler, telemetry
from quartzdb.wiring.aws_clients import AwsClients
from quartzdb_platform.adapters.dynamodb_documents import DynamoDocuments
from quartzdb_platform.audit.delivered import DeliveredAudit
from quartzdb_platform.aws_lambda.cloudwatch_logs import log_batch
from quartzdb_platform.aws_lambda.settings import MeteringFunctionSettings
from quartzdb_platform.metering.counters import Counters

PACKAGES = ("quartzdb", "quartzdb_platform")


def metering_function(settings: MeteringFunctionSettings) -> LambdaHandler:
    """The handler. Asks AWS nothing yet."""
    observed = telemetry(settings, packages=PACKAGES)
    clients, clock = AwsClients(settings.region, settings.endpoints), SystemClock()
    # It may reach counters and markers and nothing else: what is of a project that is gone, it cannot know.
    table = DynamoDocuments(clients.table(settings.table, clock))
    counters, delivered = Counters(table, clock), DeliveredAudit(table, clock)

    def handle(event: Any, _: Any) -> dict[str, int]:
        batch = log_batch(event)
        if batch is None:
            return {"lines": 0}
        usage, audit = batch.sorted()
        delivered.keep(batch.id, audit)
        applied = counters.apply(batch.id, usage, batch.log_group)
        return {
            "audit_lines": len(audit),
            "lines": applied.tally.lines,
            "malformed": applied.tally.malformed,
            "parts_counted": applied.counted,
            "parts_known": applied.known,
        }

    return observed.handler(handle)
