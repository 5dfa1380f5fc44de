"""How a request is made ready for one origin: its address, the Host, its own secret, and nothing of the other's.

CloudFront sends both secrets as custom headers of the origin that it has configured, which is AWS. HAZARD: whatever
leaves this module for an origin may carry that origin's secret only; neither is ever logged.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from quartzdb.net.endpoint import Endpoint
from quartzdb.routing.decision.edge_config import EdgeConfig, EdgeOrigin
from quartzdb.routing.decision.override import HEADER as OVERRIDE
from quartzdb.routing.decision.state import Origin, RoutingState
from quartzdb.routing.edge.cloudfront_event import (
    CfHeaders,
    CfRequest,
    is_disallowed,
    only_value,
    set_header,
    values,
)

ORIGIN_SECRET = "x-quartzdb-origin-secret"  # noqa: S105 - a header's name
CLOUDFLARE_SECRET = "x-quartzdb-cloudflare-secret"  # noqa: S105 - likewise
ADDRESSES = "x-quartzdb-edge-addresses"
"""What CloudFront says to the router alone: routing/edge/deployed_router.py."""
SECOND_ATTEMPT = "x-quartzdb-second-attempt"
"""What CloudFront says to the router where the first origin of a group failed a read."""
EPOCH = "x-quartzdb-epoch"
ACTIVE = "x-quartzdb-active"
"""Whether the origin that is asked is the active one: `yes` or `no`. Inside the router, which one is."""
REQUEST_ID = "x-request-id"
SERVED_BY = "x-quartzdb-served-by"
INTERNAL = (ORIGIN_SECRET, CLOUDFLARE_SECRET, ADDRESSES, SECOND_ATTEMPT, EPOCH, ACTIVE, OVERRIDE)
"""Never taken from a client; the override was looked at before."""
_FOR_THE_ROUTER = frozenset({CLOUDFLARE_SECRET, ADDRESSES, SECOND_ATTEMPT})
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""A request id that the application takes over, too."""
_NOT_PROXIED = frozenset({"host", "content-length", "transfer-encoding"})
_SSL_PROTOCOLS = ["TLSv1.2"]


@dataclass(frozen=True, slots=True)
class Secrets:
    """What CloudFront said to each origin; empty where it says nothing."""

    aws: str = field(repr=False)
    cloudflare: str = field(repr=False)


def secrets_of(request: CfRequest) -> Secrets:
    """From the configured origin."""
    custom: CfHeaders = _configured(request).get("customHeaders") or {}
    return Secrets(only_value(custom, ORIGIN_SECRET) or "", only_value(custom, CLOUDFLARE_SECRET) or "")


def is_second_attempt(request: CfRequest) -> bool:
    """Whether CloudFront sends it to the second origin of a group, the first having failed."""
    return SECOND_ATTEMPT in (_configured(request).get("customHeaders") or {})


def identify(request: CfRequest, state: RoutingState, new_id: Callable[[], str]) -> str:
    """Take out what a client may not say, put in request id, epoch and the active origin. Gives the id; one that is
    well-formed stays.
    """
    headers: CfHeaders = request["headers"]
    for name in INTERNAL:
        headers.pop(name, None)
    given = only_value(headers, REQUEST_ID)
    request_id = given if given is not None and _WELL_FORMED.fullmatch(given) else new_id()
    set_header(headers, REQUEST_ID, request_id)
    set_header(headers, EPOCH, str(state.epoch))
    set_header(headers, ACTIVE, state.active)
    return request_id


def forwarded(request: CfRequest, origin: Origin, config: EdgeConfig) -> CfRequest:
    """The request as CloudFront shall send it to that origin. Does not change the one given."""
    configured = _configured(request)
    described = config.origins[origin]
    secrets = secrets_of(request)
    if origin is Origin.AWS:
        given: CfHeaders = configured.get("customHeaders") or {}
        custom = {name: each for name, each in given.items() if name not in _FOR_THE_ROUTER}
        target = {**configured, "customHeaders": custom}
        if described.domain is not None:
            target |= _described(described)
    else:
        target = {**_described(described), "customHeaders": _secret(secrets.cloudflare)}
    headers = {name: each for name, each in request["headers"].items() if name not in target["customHeaders"]}
    active = only_value(headers, ACTIVE)
    if active is not None:
        set_header(headers, ACTIVE, "yes" if active == origin else "no")
    if origin is Origin.CLOUDFLARE or described.domain is not None:
        set_header(headers, "Host", target["domainName"])
    result = {**request, "headers": headers, "origin": {"custom": target}}
    if "body" in request:
        # Sent as it came, and whole where the event had only its beginning. What a body that is read-only says is not
        # looked at, so a megabyte need not go back.
        result["body"] = {**request["body"], "action": "read-only", "data": ""}
    return result


def proxied(request: CfRequest) -> tuple[Endpoint, str, list[tuple[str, str]]]:
    """The same as a request of the router's own: place, target and headers. Of what `forwarded` gave."""
    custom = request["origin"]["custom"]
    query = request.get("querystring") or ""
    target = f"{custom.get('path') or ''}{request['uri']}" + (f"?{query}" if query else "")
    endpoint = Endpoint(custom["protocol"], custom["domainName"], int(custom["port"]))
    headers: CfHeaders = request["headers"]
    pairs = [("Host", (values(headers, "host") or [endpoint.host])[0])]
    for source in (headers, custom["customHeaders"]):
        pairs += [
            (each.get("key", name), each["value"])
            for name, many in source.items()
            if name not in _NOT_PROXIED and not is_disallowed(name)
            for each in many
        ]
    return endpoint, target, pairs


def origin_behind(request: CfRequest, config: EdgeConfig) -> Origin:
    """Which origin a request went to, of an origin-response event."""
    domain = _configured(request).get("domainName")
    if domain is None:
        domain = next(iter(values(request["headers"], "host")), None)
    return Origin.CLOUDFLARE if domain == config.origins[Origin.CLOUDFLARE].domain else Origin.AWS


def _configured(request: CfRequest) -> dict[str, Any]:
    custom: dict[str, Any] = (request.get("origin") or {}).get("custom") or {}
    return custom


def _described(origin: EdgeOrigin) -> dict[str, Any]:
    return {
        "domainName": origin.domain,
        "port": origin.port,
        "protocol": origin.protocol,
        "path": origin.path,
        "readTimeout": origin.read_timeout_seconds,
        "keepaliveTimeout": origin.keepalive_timeout_seconds,
        "sslProtocols": _SSL_PROTOCOLS,
    }


def _secret(value: str) -> CfHeaders:
    return {ORIGIN_SECRET: [{"key": ORIGIN_SECRET, "value": value}]} if value else {}
