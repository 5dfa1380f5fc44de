"""The events of a function at the edge, in the form that CloudFront sends them."""

from __future__ import annotations

import base64
import copy
from typing import Any

from local.cloudfront.distribution import ConfiguredOrigin, Distribution
from local.cloudfront.viewer import ViewerRequest, forwarded_headers

BODY_BYTES_MAX = 1024 * 1024
"""What an origin-request event has of a body."""


def origin_request(
    distribution: Distribution, origin: ConfiguredOrigin, viewer: ViewerRequest, request_id: str
) -> dict[str, Any]:
    """Before the request goes to the origin."""
    request: dict[str, Any] = {
        "clientIp": viewer.client_ip,
        "headers": forwarded_headers(viewer, origin.domain),
        "method": viewer.method,
        "origin": {"custom": origin.as_event()},
        "querystring": viewer.query,
        "uri": viewer.uri,
    }
    if distribution.include_body:
        request["body"] = {
            "action": "read-only",
            "data": base64.b64encode(viewer.body[:BODY_BYTES_MAX]).decode(),
            "encoding": "base64",
            "inputTruncated": len(viewer.body) > BODY_BYTES_MAX,
        }
    return _event(distribution, "origin-request", request_id, {"request": request})


def origin_response(
    distribution: Distribution, sent: dict[str, Any], response: dict[str, Any], request_id: str
) -> dict[str, Any]:
    """After an origin's answer. `sent` is the request as it was sent; its body is not shown again."""
    request = {name: value for name, value in sent.items() if name != "body"}
    return _event(distribution, "origin-response", request_id, {"request": request, "response": response})


def _event(distribution: Distribution, kind: str, request_id: str, parts: dict[str, Any]) -> dict[str, Any]:
    config = {
        "distributionDomainName": distribution.domain,
        "distributionId": distribution.id,
        "eventType": kind,
        "requestId": request_id,
    }
    return {"Records": [{"cf": {"config": config, **copy.deepcopy(parts)}}]}
