"""The router of a deployment, whose addresses are known only once it is deployed: bucket and queues are named by AWS.

The bundle is made before that, and there are no environment variables; so CloudFront says them with each origin
request, as a custom header of the configured origin, where no client can put anything: `state=URL passive=URL
mirror=URL`, any of them left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from quartzdb.routing.decision.edge_config import EdgeConfig, InvalidEdgeConfig
from quartzdb.routing.edge.assembly import make_router
from quartzdb.routing.edge.cloudfront_event import only_value
from quartzdb.routing.edge.forwarding import ADDRESSES
from quartzdb.routing.edge.router import Router

logger = logging.getLogger(__name__)

_FIELDS = {"state": "state_url", "passive": "passive_queue_url", "mirror": "mirror_queue_url"}


class DeployedRouter:
    """Not thread-safe, as the router is not. `make` is given the configuration with the addresses in it."""

    def __init__(self, config: EdgeConfig, make: Callable[[EdgeConfig], Router] = make_router) -> None:
        self._config = config
        self._make = make
        self._said: str | None = None
        self._router: Router | None = None

    def handle(self, event: dict[str, Any]) -> dict[str, Any]:
        """What becomes of one event. An origin-response says no addresses: those known from before stay."""
        custom = (event["Records"][0]["cf"]["request"].get("origin") or {}).get("custom") or {}
        said = only_value(custom.get("customHeaders") or {}, ADDRESSES)
        if self._router is None or (said is not None and said != self._said):
            self._said = said
            self._router = self._make(self._told(said))
        return self._router.handle(event)

    def _told(self, said: str | None) -> EdgeConfig:
        if said is None:
            return self._config
        try:
            return with_addresses(self._config, said)
        except InvalidEdgeConfig as error:
            # A deployment that went wrong must not end every request: without addresses the router knows where to go.
            logger.error("the addresses that CloudFront says are no use: %s", error)
            return self._config


def with_addresses(config: EdgeConfig, said: str) -> EdgeConfig:
    """The configuration with what the header says. Raises InvalidEdgeConfig."""
    given: dict[str, Any] = {}
    for part in said.split():
        name, found, url = part.partition("=")
        if not found or name not in _FIELDS:
            raise InvalidEdgeConfig(f"unknown: {name[:40]!r}")
        given[_FIELDS[name]] = url
    return replace(config, **given)
