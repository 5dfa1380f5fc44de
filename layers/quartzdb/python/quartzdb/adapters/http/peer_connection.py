"""Requests to the other site: its address, headers and errors over the HTTP client. Knows nothing of the protocol.

HAZARD: a request whose kept connection broke is sent once more. All requests between sites may be repeated.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from quartzdb.adapters.http.sendable_headers import sendable
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import InvalidArgument, Unavailable
from quartzdb.net.endpoint import Endpoint, authority_of, endpoint_of
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpAnswer, HttpClient, Unanswered
from quartzdb.net.resolver import Resolver

ANSWER_BYTES_MAX = 32 * 1024 * 1024
"""A page, or one change with the largest value there is, in base64."""


class PeerConnection:
    """To one base URL. Thread-safe.

    `connect_seconds` bounds each connecting, `seconds` a whole request. `headers` go with every request; what they are
    made of may be asked for anew, and is never logged.
    """

    def __init__(
        self,
        base_url: str,
        headers: Callable[[], Mapping[str, str]],
        clock: Clock,
        *,
        connect_seconds: float = 3.0,
        seconds: float = 30.0,
        names: Resolver | None = None,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._endpoint, self._path = _peer_at(base_url)
        self._headers = headers
        self._clock = clock
        self._seconds = seconds
        self._client = HttpClient(names=names, tls=tls, connect_seconds=connect_seconds)

    def request(self, method: str, path: str, body: bytes | None = None) -> HttpAnswer:
        """One request. Raises Unavailable where it is not answered, in time and within bounds."""
        deadline = Deadline(self._seconds, self._clock.monotonic)
        headers = {
            "Host": authority_of(self._endpoint),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **sendable(self._headers()),
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._client.send(
                self._endpoint,
                method,
                self._path + path,
                headers.items(),
                body or b"",
                deadline=deadline,
                answer_bytes_max=ANSWER_BYTES_MAX,
                again=True,
            )
        except Unanswered as error:
            raise self._silent(str(error)) from error
        if not answer.complete:
            raise self._silent(f"it sends more than {ANSWER_BYTES_MAX} bytes")
        return answer

    def close(self) -> None:
        """Let idle connections go; it may be used again."""
        self._client.close()

    def _silent(self, why: str) -> Unavailable:
        return Unavailable(
            f"The peer at {self._endpoint.host} does not answer: {why}"[:300], hint="It is tried again."
        )


def _peer_at(base_url: str) -> tuple[Endpoint, str]:
    """The place and the path of an address. Raises InvalidArgument."""
    try:
        parts, endpoint = urlsplit(base_url), endpoint_of(base_url)
        wrong = parts.scheme not in {"http", "https"} or not endpoint.host
    except ValueError:  # a port or an IPv6 address that is none
        wrong = True
    if wrong or parts.query or parts.fragment or parts.username:
        raise InvalidArgument("A peer's address is of the form https://host[:port][/path].", field="base_url")
    if endpoint.protocol == "http" and not _on_this_machine(endpoint.host):
        raise InvalidArgument(
            f"The secret of the two sites would travel to {endpoint.host} for all to read.",
            field="base_url",
            hint="Use https.",
        )
    return endpoint, parts.path.rstrip("/")


def _on_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
