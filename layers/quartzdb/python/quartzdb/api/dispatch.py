"""Dispatch: the way of every request through the edge.

authenticate → the tenant's grant → scope → rate limit → the key's and the tenant's share → read the body → in a thread:
decompress, measure, idempotency key, handler.

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
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from quartzdb.api import limits
from quartzdb.api.answer import Answer
from quartzdb.api.answer import Headers as ResponseHeaders
from quartzdb.api.audit import DONE, write_audit_line
from quartzdb.api.auth import ANONYMOUS, key_of
from quartzdb.api.body import Bodies, inflate, is_compressed
from quartzdb.api.call import Call, Context
from quartzdb.api.failed_keys import FailedKeys
from quartzdb.api.failures import to_response
from quartzdb.api.fair_threads import FairThreads
from quartzdb.api.idempotency import perform
from quartzdb.api.json_structure import check_structure
from quartzdb.api.key_watch import KeyWatch
from quartzdb.api.operation import Access, JsonBody, Operation, RawBody
from quartzdb.api.peer import PEER, PeerAuthenticator, not_the_peer
from quartzdb.api.preconditions import CONDITIONS, no_condition
from quartzdb.api.raw_path import decoded
from quartzdb.api.schemas.model import NoQuery
from quartzdb.api.shares import Share, Shares
from quartzdb.api.surface import is_cloudflare
from quartzdb.api.trace import Trace, trace_of
from quartzdb.domain.deadline import ReadDeadline, within
from quartzdb.domain.errors import Forbidden, QuartzError, Unauthenticated
from quartzdb.domain.freeing import freeing
from quartzdb.domain.namespace import DEFAULT_NAMESPACE, is_namespace_name
from quartzdb.services.keys import KeyEnded, Principal, Scope

_OPEN_THREADS = 2
"""Open operations have threads of their own, so that health is answered while all others are busy."""
_RATE_THREADS = 4
"""And those that ask how much of a rate is left: a store that is slow there holds up nothing else."""
_KEY_THREADS = 4
"""So have look-ups of keys: who sends a request is known before it waits among that key's others."""


class Dispatcher:
    """One per application."""

    def __init__(self, context: Context) -> None:
        settings, clock = context.settings, context.services.clock
        self._context = context
        self._clock = clock
        self._peers = PeerAuthenticator(context.services)
        self._watch = KeyWatch(clock)
        self._failed = FailedKeys(clock, burst=settings.failures_burst, seconds=settings.failure_seconds)
        self._shares = Shares(
            bytes_max=settings.bodies_bytes_max,
            requests_of_key_max=settings.requests_of_key_max,
            requests_of_tenant_max=settings.requests_of_tenant_max,
        )
        self._bodies = Bodies(
            clock,
            idle_seconds_max=settings.body_idle_seconds_max,
            seconds_max=settings.body_seconds_max,
            bytes_per_second_min=settings.body_bytes_per_second_min,
        )
        self._threads = FairThreads(settings.threads, settings.spare_threads, "quartzdb-api")
        self._computing_threads = FairThreads(
            settings.computing_threads, settings.spare_threads, "quartzdb-search"
        )
        self._open_threads = ThreadPoolExecutor(_OPEN_THREADS, thread_name_prefix="quartzdb-open")
        self._rate_threads = ThreadPoolExecutor(_RATE_THREADS, thread_name_prefix="quartzdb-rate")
        self._key_threads = ThreadPoolExecutor(_KEY_THREADS, thread_name_prefix="quartzdb-keys")

    def endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Sent]]:
        """The endpoint of an operation. What it raises becomes an answer in Failures."""
        limit = self._context.settings.body_bytes_max
        if isinstance(operation.body, RawBody):
            limit = min(limit, operation.body.bytes_max)
        elif operation.body is not None:
            limit = min(limit, operation.body.limit.bytes_max)

        async def endpoint(request: Request) -> Sent:
            if operation.audit is None:
                try:
                    return await self._serve(operation, request, limit)
                except (Forbidden, Unauthenticated) as error:
                    self._watch.refused(trace_of(request.scope), error.code, address_of(request))
                    raise
            outcome = "internal"
            try:
                response = await self._serve(operation, request, limit)
                outcome = DONE if response.status_code < 400 else f"status {response.status_code}"
            except QuartzError as error:
                outcome = error.code
                raise
            finally:
                self._audit(operation.audit, request, outcome)
            return response

        return endpoint

    def _audit(self, action: str, request: Request, outcome: str) -> None:
        trace = trace_of(request.scope)
        named = request.path_params.get("id") or request.path_params.get("namespace")
        target = trace.target or (decoded(named) if named else None)
        write_audit_line(action, trace, target, outcome, self._clock.unix_ms(), address_of(request))

    async def principal(self, headers: Headers, address: str) -> Principal:
        """Who sent a request from there. Raises Unauthenticated, TooManyFailures."""
        key = key_of(headers)
        authenticator = self._context.authenticator
        known = authenticator.remembered(key)
        if known is not None:
            return known
        if not authenticator.was_good(key):
            self._failed.check(address, key)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._key_threads, authenticator.look_up, key)
        except Unauthenticated:
            self._failed.count(address, key)
            raise

    async def _admitted(
        self, operation: Operation, scope: Scope | Access, headers: Headers, address: str, trace: Trace
    ) -> Principal:
        """Who sent a request for this. Raises Unauthenticated, Forbidden, LimitReached, TooManyFailures,
        Unavailable.
        """
        if isinstance(scope, Access):
            key = key_of(headers)
            loop = asyncio.get_running_loop()
            if await loop.run_in_executor(self._key_threads, self._peers.knows, key):
                return PEER
            if scope is Access.PEER:
                self._failed.check(address, key)
                self._failed.count(address, key)
                raise not_the_peer()
            scope = Scope.ADMIN
        try:
            principal = await self.principal(headers, address)
        except KeyEnded as ended:
            trace.tenant, trace.key_id, trace.of_browser = ended.tenant, ended.key_id, ended.of_browser
            raise
        trace.tenant, trace.key_id = principal.tenant, principal.key_id
        trace.of_browser = principal.of_browser
        if not principal.of_browser:
            self._context.services.key_uses.note(principal.key_id)
            self._watch.used(trace, address)
        principal.require_tenant(changes=operation.changes)
        principal.require(scope)
        if operation.writes_data or operation.name == "create_namespace":
            principal.require_region(self._context.settings.region)
        principal.require_unblocked(
            reads=operation.reads_data, writes=operation.writes_data, now_ms=self._clock.unix_ms()
        )
        return principal

    async def _serve(self, operation: Operation, request: Request, limit: int) -> Sent:
        trace = trace_of(request.scope)
        trace.operation = operation.name
        if operation.scope is None:
            loop = asyncio.get_running_loop()
            call = self._call(operation, request, ANONYMOUS, b"")
            answer = await loop.run_in_executor(self._open_threads, _work, operation, call, limit, None)
            return _response(answer, request)
        trace.namespace = _namespace_of(operation, request)
        principal = await self._admitted(
            operation, operation.scope, request.headers, address_of(request), trace
        )
        trace.tenant, trace.key_id = principal.tenant, principal.key_id
        _require_reach(principal, operation, request)
        headers = await self._within_rate(principal, operation)
        share = self._shares.begin(principal.tenant, principal.key_id)
        try:
            body = b""
            if operation.body is not None:
                body = await self._bodies.read(request.receive, request.headers, limit, share)
                trace.bytes_in = len(body)
            deadline = self._deadline(operation)
            answer = await self._threads_for(operation).run(
                principal.tenant,
                principal.key_id,
                deadline,
                _work,
                operation,
                self._call(operation, request, principal, body),
                limit,
                share,
                deadline,
            )
            share.hold(len(answer.body))
            if headers:
                # A handler that counted further requests has told what is left after those.
                told = {name for name, _ in answer.headers}
                others = tuple(header for header in headers if header[0] not in told)
                answer = replace(answer, headers=(*answer.headers, *others))
            return _response(answer, request, share)
        except BaseException:
            share.end()
            raise

    async def _within_rate(self, principal: Principal, operation: Operation) -> ResponseHeaders:
        """The headers that the answer carries. Raises RateLimited. A limiter that cannot tell in time admits."""
        limiter = self._context.rate_limiter
        quota = limiter.admit(principal, operation.name)
        if isinstance(quota, limits.Undecided):
            seconds = self._context.settings.rate_seconds_max
            deciding = asyncio.get_running_loop().run_in_executor(
                self._rate_threads, limiter.decide, principal, operation.name
            )
            try:
                quota = await asyncio.wait_for(deciding, seconds)
            except TimeoutError:
                limiter.give_up(f"the store did not answer within {seconds:g} s")
                return ()
        return limits.told(quota)

    def _call(self, operation: Operation, request: Request, principal: Principal, body: bytes) -> Call:
        return Call(
            self._context,
            principal,
            request.method,
            request.scope["path"],
            {name: decoded(value) for name, value in request.path_params.items()},
            request.scope["query_string"],
            request.headers,
            body,
            trace_of(request.scope).request_id,
            operation.name,
            trace_of(request.scope),
        )

    def _deadline(self, operation: Operation) -> ReadDeadline | None:
        """Of a read. A write that was begun is seen to its end."""
        if operation.scope is not Scope.READ:
            return None
        seconds = self._context.settings.read_seconds_max
        return ReadDeadline(self._clock.monotonic, self._clock.monotonic() + seconds, seconds)

    def _threads_for(self, operation: Operation) -> FairThreads:
        return self._computing_threads if operation.computes else self._threads


def _require_reach(principal: Principal, operation: Operation, request: Request) -> None:
    """Raises Forbidden where the key does not reach the namespace that the request is about.

    Operations whose path names none are about all, or see to it themselves.
    """
    if is_cloudflare(operation.path):
        principal.require_namespace(DEFAULT_NAMESPACE)
    elif "namespace" in request.path_params:
        principal.require_namespace(decoded(request.path_params["namespace"]))
    elif isinstance(operation.scope, Access):
        principal.require_every_namespace()


def _namespace_of(operation: Operation, request: Request) -> str | None:
    """Which namespace a request is about, for its usage line: None for what could be none."""
    if is_cloudflare(operation.path):
        return DEFAULT_NAMESPACE
    name = decoded(request.path_params.get("namespace", ""))
    return name if is_namespace_name(name) else None


class Sent(Response):
    """A response, and the share that it holds until it is sent."""

    share: Share | None = None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.share is not None:
                self.share.end()


def address_of(request: Request) -> str:
    """Where a request came from."""
    return request.client.host if request.client else ""


def _response(answer: Answer, request: Request, share: Share | None = None) -> Sent:
    response = to_response(answer, Sent)
    response.share = share
    if request.method == "HEAD":
        response.body = b""  # the length in the headers stays that of the body
    return response


def _work(
    operation: Operation, call: Call, limit: int, share: Share | None, deadline: ReadDeadline | None = None
) -> Answer:
    with within(deadline), freeing(operation.frees_space):
        if share is not None and operation.body is not None:
            call = _measured(operation.body, call, limit, share)
        if operation.query is NoQuery and not is_cloudflare(call.path):
            call.query(NoQuery)
        looked_at = call.method in {"GET", "HEAD"} or CONDITIONS[0] in operation.headers
        if not looked_at and not is_cloudflare(call.path):
            no_condition(call.headers, "this operation looks at no single record or key.")
        return perform(operation, call)


def _measured(body: JsonBody | RawBody, call: Call, limit: int, share: Share) -> Call:
    """The call with its body inflated, and held in the share as what it will be parsed to."""
    if is_compressed(call.headers):
        call = replace(call, body=inflate(call.body, limit, share))
    if isinstance(body, JsonBody):
        share.hold(check_structure(call.body, body.limit).memory_bytes)
    return call
