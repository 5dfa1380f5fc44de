"""Places that requests go to, and how they are written."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from quartzdb.net.address import Protocol

_USUAL_PORTS = {"http": 80, "https": 443}


class Endpoint(NamedTuple):
    """Where a request goes. `host` is the name that is proven by TLS."""

    protocol: Protocol
    host: str
    port: int


def endpoint_of(url: str) -> Endpoint:
    """Of an http or https address; its port where it names none is the usual one. Raises ValueError for a bad port."""
    parts = urlsplit(url)
    protocol: Protocol = "https" if parts.scheme == "https" else "http"
    return Endpoint(protocol, parts.hostname or "", parts.port or _USUAL_PORTS[protocol])


def authority_of(endpoint: Endpoint) -> str:
    """What the header Host says: without a port where that is the usual one."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return host if endpoint.port == _USUAL_PORTS[endpoint.protocol] else f"{host}:{endpoint.port}"


def root_of(endpoint: Endpoint) -> str:
    """Its address."""
    return f"{endpoint.protocol}://{authority_of(endpoint)}/"
