"""Sends a request to an origin as CloudFront does: names, attempts to connect, timeouts, what each failure becomes."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.cloudfront.distribution import SAFE_METHODS, ConfiguredOrigin
from local.cloudfront.header_rules import is_disallowed
from local.cloudfront.names import NameNotFound, Names
from local.cloudfront.viewer import Pairs
from quartzdb.net.address import Address

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


class OriginUnavailable(Exception):
    """There was no answer. `status` is what the viewer gets in its place."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class OriginAnswer:
    """What an origin answered. `cut`: the body ended before its length, and CloudFront passes it on like that."""

    status: int
    reason: str
    headers: Pairs
    body: bytes = field(repr=False)
    cut: bool = False

    def as_event(self) -> dict[str, Any]:
        """As an origin-response event shows it."""
        headers: dict[str, list[dict[str, str]]] = {}
        for name, value in self.headers:
            if name.lower() not in _HOP_BY_HOP and not is_disallowed(name.lower()):
                headers.setdefault(name.lower(), []).append({"key": name, "value": value})
        return {"status": str(self.status), "statusDescription": self.reason, "headers": headers}


def fetch(
    request: dict[str, Any],
    body: bytes,
    configured: ConfiguredOrigin,
    names: Names,
    *,
    read_timeout_seconds_max: float | None,
) -> OriginAnswer:
    """`request` is as a function gave it back; attempts and the timeout of connecting are the configured origin's.

    Raises OriginUnavailable.
    """
    custom = request["origin"]["custom"]
    try:
        address = names.look_up(custom["domainName"])
    except NameNotFound as error:
        raise OriginUnavailable(502, str(error)) from error
    timeout = float(custom["readTimeout"])
    if custom["domainName"] == configured.domain:
        timeout = configured.read_timeout_seconds
    timeout = min(timeout, read_timeout_seconds_max or timeout)
    method = request["method"]
    # Connecting is tried again whatever the method is; what was sent is sent again only where that is harmless.
    attempts = configured.connection_attempts if method in SAFE_METHODS else 1
    for attempt in range(1, attempts + 1):
        connection = _connected(address, configured, lambda sock: sock.settimeout(timeout))
        try:
            return _exchange(connection, request, body)
        except TimeoutError as error:
            if attempt == attempts:
                raise OriginUnavailable(504, f"the origin did not answer in {timeout} s") from error
        except (OSError, http.client.HTTPException) as error:
            if attempt == attempts:
                raise OriginUnavailable(502, f"the origin broke off: {error!r}") from error
        finally:
            connection.close()
    raise AssertionError("at least one attempt is made")


def _connected(
    address: Address, configured: ConfiguredOrigin, prepare: Callable[[socket.socket], None]
) -> http.client.HTTPConnection:
    for attempt in range(1, configured.connection_attempts + 1):
        connection = http.client.HTTPConnection(
            address.host, address.port, timeout=configured.connection_timeout_seconds
        )
        try:
            connection.connect()
        except OSError as error:
            if attempt == configured.connection_attempts:
                status = 504 if isinstance(error, TimeoutError) else 502
                raise OriginUnavailable(status, f"no connection to the origin: {error}") from error
        else:
            prepare(connection.sock)
            return connection
    raise AssertionError("at least one attempt is made")


def _exchange(connection: http.client.HTTPConnection, request: dict[str, Any], body: bytes) -> OriginAnswer:
    custom = request["origin"]["custom"]
    query = request.get("querystring") or ""
    connection.putrequest(
        request["method"],
        f"{custom['path']}{request['uri']}" + (f"?{query}" if query else ""),
        skip_host=True,
        skip_accept_encoding=True,
    )
    for source in (request["headers"], custom["customHeaders"]):
        for name, many in source.items():
            if name != "content-length":
                for each in many:
                    connection.putheader(each.get("key", name), each["value"])
    if body or "content-length" in request["headers"]:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body or None)
    answer = connection.getresponse()
    try:
        content, cut = answer.read(), False
    except http.client.IncompleteRead as error:
        content, cut = error.partial, True
    headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP]
    return OriginAnswer(answer.status, answer.reason, headers, content, cut)
