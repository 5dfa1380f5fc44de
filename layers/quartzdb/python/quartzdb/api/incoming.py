"""A request that has a route: what of ASGI's scope is needed from there on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from quartzdb.api.request_headers import RequestHeaders
from quartzdb.api.trace import Trace
from quartzdb.domain.values import dataclass


@dataclass(slots=True)
class Incoming:
    """`path` is the canonical one, still encoded; `parameters` are those of it, decoded. `address`: the client's.

    `stopping` is set when the server stops, where it says so.
    """

    method: str
    path: str
    parameters: Mapping[str, str]
    query_string: bytes
    headers: RequestHeaders
    address: str
    trace: Trace
    stopping: asyncio.Event | None = None
