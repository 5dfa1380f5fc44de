"""Changes of the routing as events of EventBridge, so that an operator can have anything started by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson

from quartzdb.adapters.aws.failure import told_as_unavailable
from quartzdb.domain.errors import Unavailable

SOURCE = "quartzdb"
DETAIL_TYPE = "QuartzDB routing changed"


class EventsClient(Protocol):
    """What is used of a client of EventBridge."""

    def put_events(self, *, Entries: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]: ...  # noqa: N803 - AWS's names


class EventBridgeRoutingEvents:
    """RoutingEvents on one bus, of which `default` is there in every account."""

    def __init__(self, client: EventsClient, bus: str = "default") -> None:
        self._client = client
        self._bus = bus

    def emit(self, detail: Mapping[str, Any]) -> None:
        """One event. Raises Unavailable, also where the bus did not take it."""
        with told_as_unavailable(f"The event bus {self._bus}"):
            answer = self._client.put_events(
                Entries=[
                    {
                        "Source": SOURCE,
                        "DetailType": DETAIL_TYPE,
                        "Detail": orjson.dumps(detail).decode(),
                        "EventBusName": self._bus,
                    }
                ]
            )
        if answer.get("FailedEntryCount"):
            refused = answer["Entries"][0]
            raise Unavailable(
                f"The event bus {self._bus} did not take an event: {refused.get('ErrorCode')}.",
                hint="Check that the bus exists, and what the role of this process may do.",
            )
