"""Admission: how many requests this process has under way at one time. Those over the limit are refused at once."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from quartzdb.api.refusals import Overloaded

EXEMPT = frozenset({"/health", "/v1/health"})
"""Health is about whether the parts work; being busy is no reason to be taken for broken."""


class Admission:
    """Middleware, inside Failures. Raises Overloaded."""

    def __init__(self, app: ASGIApp, *, requests_max: int) -> None:
        self._app = app
        self._requests_max = requests_max
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in EXEMPT:
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._requests_max:
            raise Overloaded(
                f"{self._requests_max} requests are under way already.",
                hint="Try again, with a growing pause.",
            )
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1
