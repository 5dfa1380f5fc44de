"""What is asked of a provider over HTTP. No answer of it leads this machine to where it must not go.

A provider's own documents name the addresses that are asked next. So every name is looked up here, and its addresses
are connected to only where all of the internet may reach them, unless the settings say that this provider is on a
private network. Redirects are not followed.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

from quartzdb.domain.errors import InvalidArgument, Unauthenticated, Unavailable
from quartzdb.net.endpoint import authority_of, endpoint_of
from quartzdb.net.hard_deadline import Deadline
from quartzdb.net.http_client import HttpClient, Unanswered
from quartzdb.net.resolver import AddressInfo, Resolver

SECONDS_MAX = 10.0
ANSWER_BYTES_MAX = 512 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class ProviderHttp:
    """To one provider. Thread-safe. `private`: it may be on a private network, or on this machine."""

    def __init__(
        self,
        *,
        private: bool = False,
        look_up: Callable[..., list[AddressInfo]] = socket.getaddrinfo,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        names = Resolver(look_up if private else _public(look_up))
        self._client = HttpClient(names=names, kept_max=0)
        self._monotonic = monotonic

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        """A JSON document. Raises Unavailable, InvalidArgument for an address that is none."""
        return self._ask("GET", url, headers or {}, b"")

    def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Any:
        """What a form is answered with. Raises as `get`, and Unauthenticated where it is refused."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, {**(headers or {}), **kind}, urlencode(form).encode())

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Any:
        endpoint = endpoint_of(checked_url(url))
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        usual = {"Host": authority_of(endpoint), "Accept": "application/json", "User-Agent": "QuartzDB"}
        try:
            answer = self._client.send(
                endpoint,
                method,
                target,
                {**usual, **headers}.items(),
                body,
                deadline=Deadline(SECONDS_MAX, self._monotonic),
                answer_bytes_max=ANSWER_BYTES_MAX,
                again=False,
            )
        except (Unanswered, ValueError) as error:
            raise _silent(endpoint.host, str(error)) from error
        try:
            document = json.loads(answer.body)
        except ValueError as error:
            raise _silent(endpoint.host, f"status {answer.status}, and no JSON") from error
        if method == "POST" and answer.status == 400:
            raise Unauthenticated(
                f"The provider at {endpoint.host} does not know this code.", hint="Begin again."
            )
        if answer.status != 200:
            raise _silent(endpoint.host, f"status {answer.status}")
        return document


def checked_url(url: Any) -> str:
    """An address that something may be sent to: https, or on this machine. Raises InvalidArgument."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        host = parts.hostname if parts else None
        port = parts.port if parts else None
    except ValueError:
        host, parts, port = None, None, None
    if parts is None or not host or parts.username or parts.fragment or port == 0:
        raise InvalidArgument("An address of a provider is of the form https://host[:port][/path].")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise InvalidArgument(f"The address of a provider at {host[:100]} is not https.", hint="Use https.")
    return str(url)


def _public(look_up: Callable[..., list[AddressInfo]]) -> Callable[..., list[AddressInfo]]:
    def looked_up(*given: Any, **named: Any) -> list[AddressInfo]:
        found = look_up(*given, **named)
        if not all(_everybodys(address[4][0]) for address in found):
            raise OSError("it is on a private network, which the settings do not allow for this provider")
        return found

    return looked_up


def _everybodys(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_global and not address.is_multicast


def _silent(host: str, why: str) -> Unavailable:
    return Unavailable(
        f"The provider at {host} did not answer as it should: {why}"[:300],
        hint="Try again in a moment, or sign in in another way.",
    )
