"""The function that SNS tells what became of mail. A notification that cannot be read fails, and SNS keeps it."""

from __future__ import annotations

import json
from typing import Any

from quartzdb.adapters.system_clock import SystemClock
from quartzdb.aws_lambda.telemetry import LambdaHandler, telemetry
from quartzdb.wiring.aws_clients import AwsClients
from quartzdb_platform.adapters.dynamodb_documents import DynamoDocuments
from quartzdb_platform.aws_lambda.settings import MeteringFunctionSettings
from quartzdb_platform.mail.delivery_events import apply_delivery_event
from quartzdb_platform.mail.suppressions import Suppressions

PACKAGES = ("quartzdb", "quartzdb_platform")


def mail_events_function(settings: MeteringFunctionSettings) -> LambdaHandler:
    """The handler. Asks AWS nothing yet. It needs what the metering function needs: the platform's table."""
    observed = telemetry(settings, packages=PACKAGES)
    clients, clock = AwsClients(settings.region, settings.endpoints), SystemClock()
    suppressions = Suppressions(DynamoDocuments(clients.table(settings.table, clock)), clock)

    def handle(event: Any, _: Any) -> dict[str, int]:
        events = [json.loads(record["Sns"]["Message"]) for record in event["Records"]]
        return {"suppressed": sum(apply_delivery_event(one, suppressions) for one in events)}

    return observed.handler(handle)
