"""Dispatch: the way of every request through the edge.

authenticate → scope → rate limit → read the body → in a thread: decompress, idempotency key, handler.
Only the handlers' thread may block; a slow one keeps no other request from being read or answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from quartzdb.api import limits
from quartzdb.api.answer import Answer
from quartzdb.api.auth import ANONYMOUS, key_of
from quartzdb.api.body import Bodies, inflate, is_compressed
from quartzdb.api.call import Call, Context
from quartzdb.api.failures import to_response
from quartzdb.api.idempotency import perform
from quartzdb.api.operation import Access, Operation, RawBody
from quartzdb.api.peer import PEER, PeerAuthenticator, not_the_peer
from quartzdb.api.raw_path import decoded
from quartzdb.api.schemas.model import NoQuery
from quartzdb.api.surface import is_cloudflare
from quartzdb.api.trace import trace_of
from quartzdb.services.keys import Principal, Scope

_OPEN_THREADS = 2
"""Open operations have threads of their own, so that health is answered while all others are busy."""


class Dispatcher:
    """One per application."""

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._context = context
        self._peers = PeerAuthenticator(context.services)
        self._bodies = Bodies(
            bytes_max=settings.bodies_bytes_max, idle_seconds_max=settings.body_idle_seconds_max
        )
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="quartzdb-api")
        self._computing_threads = ThreadPoolExecutor(
            settings.computing_threads, thread_name_prefix="quartzdb-search"
        )
        self._open_threads = ThreadPoolExecutor(_OPEN_THREADS, thread_name_prefix="quartzdb-open")

    def endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of an operation. What it raises becomes an answer in Failures."""
        limit = self._context.settings.body_bytes_max
        if isinstance(operation.body, RawBody):
            limit = min(limit, operation.body.bytes_max)

        async def endpoint(request: Request) -> Response:
            return await self._serve(operation, request, limit)

        return endpoint

    async def principal(self, headers: Headers) -> Principal:
        """Who sent a request. Raises Unauthenticated."""
        key = key_of(headers)
        known = self._context.authenticator.remembered(key)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._context.authenticator.look_up, key)

    async def _admitted(self, scope: Scope | Access, headers: Headers) -> Principal:
        """Who sent a request that needs this. Raises Unauthenticated, Forbidden, Unavailable."""
        if isinstance(scope, Access):
            loop = asyncio.get_running_loop()
            if await loop.run_in_executor(self._threads, self._peers.knows, key_of(headers)):
                return PEER
            if scope is Access.PEER:
                raise not_the_peer()
            scope = Scope.ADMIN
        principal = await self.principal(headers)
        principal.require(scope)
        return principal

    async def _serve(self, operation: Operation, request: Request, limit: int) -> Response:
        trace = trace_of(request.scope)
        trace.operation = operation.name
        principal = ANONYMOUS
        headers: tuple[tuple[str, str], ...] = ()
        if operation.scope is not None:
            principal = await self._admitted(operation.scope, request.headers)
            trace.tenant, trace.key_id = principal.tenant, principal.key_id
            headers = limits.admit(self._context.rate_limiter, principal, operation.name)
        body = b""
        if operation.body is not None:
            body = await self._bodies.read(request.receive, request.headers, limit)
            trace.bytes_in = len(body)
        try:
            call = Call(
                self._context,
                principal,
                request.method,
                request.scope["path"],
                {name: decoded(value) for name, value in request.path_params.items()},
                request.scope["query_string"],
                request.headers,
                body,
                trace.request_id,
                operation.name,
            )
            threads = self._threads_for(operation)
            answer = await asyncio.get_running_loop().run_in_executor(threads, _work, operation, call, limit)
        finally:
            self._bodies.release(body)
        if headers:
            # A handler that counted further requests has told what is left after those.
            told = {name for name, _ in answer.headers}
            others = tuple(header for header in headers if header[0] not in told)
            answer = replace(answer, headers=(*answer.headers, *others))
        response = to_response(answer)
        if request.method == "HEAD":
            response.body = b""  # the length in the headers stays that of the body
        return response

    def _threads_for(self, operation: Operation) -> ThreadPoolExecutor:
        if operation.scope is None:
            return self._open_threads
        return self._computing_threads if operation.computes else self._threads


def _work(operation: Operation, call: Call, limit: int) -> Answer:
    if is_compressed(call.headers) and operation.body is not None:
        call = replace(call, body=inflate(call.body, limit))
    if operation.query is NoQuery and not is_cloudflare(call.path):
        call.query(NoQuery)
    return perform(operation, call)
