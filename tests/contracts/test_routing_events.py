"""RoutingEvents on EventBridge: a rule of the emulator's takes them to a queue, where the test finds them."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest

from quartzdb.adapters.aws.eventbridge_routing_events import DETAIL_TYPE, SOURCE, EventBridgeRoutingEvents
from quartzdb.domain.errors import Unavailable
from quartzdb.wiring.aws_clients import AwsClients, AwsEndpoints
from tests.aws_emulators import PATIENCE, REGION, Emulators


def test_an_event_reaches_who_listens(aws: Emulators) -> None:
    """With what changed, under names that a rule can be written for."""
    url = aws.get("ministack").endpoint_url
    events: Any = AwsClients(REGION, AwsEndpoints.at(url)).events
    queues: Any = AwsClients(REGION, AwsEndpoints.at(url), PATIENCE).sqs
    name = f"routing-{secrets.token_hex(4)}"
    queue = queues.create_queue(QueueName=name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": [SOURCE], "detail-type": [DETAIL_TYPE]}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
    try:
        detail = {"revision": 4, "active": "aws", "reason": name}
        EventBridgeRoutingEvents(events).emit(detail)
        (message,) = queues.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
        event = json.loads(message["Body"])
        assert (event["source"], event["detail-type"], event["detail"]) == (SOURCE, DETAIL_TYPE, detail)
    finally:
        events.remove_targets(Rule=name, Ids=["queue"])
        events.delete_rule(Name=name)
        events.close()
        queues.close()


def test_an_event_that_cannot_be_told_is_unavailable(aws: Emulators) -> None:
    """Nobody answers at that address."""
    events: Any = AwsClients(REGION, AwsEndpoints.at("http://127.0.0.1:9")).events
    try:
        with pytest.raises(Unavailable, match="event bus"):
            EventBridgeRoutingEvents(events).emit({})
    finally:
        events.close()
