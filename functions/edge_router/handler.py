"""The edge router: CloudFront's origin-request and origin-response, one function. Its bundle has its configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quartzdb.routing.decision.edge_config import decode_config
from quartzdb.routing.edge.deployed_router import DeployedRouter

_router = DeployedRouter(decode_config(Path(__file__).with_name("edge_config.json").read_bytes()))


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """What becomes of one event."""
    return _router.handle(event)
