"""Dispatch: the way of every request through the edge.

authenticate → the tenant's grant → scope → rate limit → the key's and the tenant's share → read the body → in a thread:
decompress, measure, idempotency key, handler.

Only the handlers' thread may block; a slow one keeps no other request from being read or answered. A read whose kind is
known to be brief takes the same steps without a thread, one in each round of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

from quartzdb.api import limits
from quartzdb.api.answer import Answer
from quartzdb.api.answer import Headers as ResponseHeaders
from quartzdb.api.asgi import Receive
from quartzdb.api.audit import DONE, write_audit_line
from quartzdb.api.auth import ANONYMOUS, key_of
from quartzdb.api.body import Bodies
from quartzdb.api.brief_reads import BriefReads, is_small
from quartzdb.api.call import Call, Context
from quartzdb.api.failed_keys import FailedKeys
from quartzdb.api.fair_threads import FairThreads
from quartzdb.api.feed import OpenFeed
from quartzdb.api.feeds import Feeds
from quartzdb.api.following import EVENT_STREAM, EventStream, ends_of, long_poll, wants_stream
from quartzdb.api.freshness import look_behind
from quartzdb.api.incoming import Incoming
from quartzdb.api.key_watch import KeyWatch
from quartzdb.api.operation import Access, Operation
from quartzdb.api.peer import PEER, PeerAuthenticator, not_the_peer
from quartzdb.api.refusals import NoEventStream
from quartzdb.api.request_headers import RequestHeaders
from quartzdb.api.shares import Share, Shares
from quartzdb.api.work import ServedOperation, with_freshness, work
from quartzdb.domain.deadline import ReadDeadline, within
from quartzdb.domain.errors import Forbidden, QuartzError, Unauthenticated, VersionNotApplied
from quartzdb.domain.namespace import DEFAULT_NAMESPACE, is_namespace_name
from quartzdb.services.keys import KeyEnded, Principal, Scope

_OPEN_THREADS = 2
"""Open operations have threads of their own, so that health is answered while all others are busy."""
_RATE_THREADS = 4
"""And those that ask how much of a rate is left: a store that is slow there holds up nothing else."""
_KEY_THREADS = 4
"""So have look-ups of keys: who sends a request is known before it waits among that key's others."""


T = TypeVar("T")


class Served(NamedTuple):
    """An answer, and the share that it holds until it is sent: whoever sends it ends it.

    `stream`: what is sent in its place.
    """

    answer: Answer
    share: Share | None = None
    stream: EventStream | None = None


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
        self._feeds = Feeds(
            feeds_max=settings.feeds_max,
            of_tenant_max=settings.feeds_of_tenant_max,
            of_key_max=settings.feeds_of_key_max,
            pause_seconds=settings.feed_pause_seconds,
        )
        self._brief = BriefReads(clock) if settings.brief_on_loop else None
        self._open_threads = ThreadPoolExecutor(_OPEN_THREADS, thread_name_prefix="quartzdb-open")
        self._rate_threads = ThreadPoolExecutor(_RATE_THREADS, thread_name_prefix="quartzdb-rate")
        self._key_threads = ThreadPoolExecutor(_KEY_THREADS, thread_name_prefix="quartzdb-keys")

    def served(self, operation: Operation) -> ServedOperation:
        """An operation as `serve` takes it."""
        return ServedOperation.of(operation, self._context.settings.body_bytes_max)

    async def serve(self, served: ServedOperation, incoming: Incoming, receive: Receive) -> Served:
        """The answer to a request for an operation. Raises what is wrong with it, or went wrong."""
        action = served.operation.audit
        if action is None:
            try:
                return await self._serve(served, incoming, receive)
            except (Forbidden, Unauthenticated) as error:
                self._watch.refused(incoming.trace, error.code, incoming.address)
                raise
        outcome = "internal"
        try:
            sent = await self._serve(served, incoming, receive)
            status = sent.answer.status
            outcome = DONE if status < 400 else f"status {status}"
        except QuartzError as error:
            outcome = error.code
            raise
        finally:
            self._audit(action, incoming, outcome)
        return sent

    def _audit(self, action: str, incoming: Incoming, outcome: str) -> None:
        named = incoming.parameters.get("id") or incoming.parameters.get("namespace")
        target = incoming.trace.target or named
        write_audit_line(action, incoming.trace, target, outcome, self._clock.unix_ms(), incoming.address)

    async def principal(self, headers: RequestHeaders, address: str) -> Principal:
        """Who sent a request from there. Raises Unauthenticated, TooManyFailures."""
        key = key_of(headers)
        authenticator = self._context.authenticator
        return authenticator.remembered(key) or await self._looked_up(key, address)

    async def _looked_up(self, key: str | None, address: str) -> Principal:
        authenticator = self._context.authenticator
        if not authenticator.was_good(key):
            self._failed.check(address, key)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._key_threads, authenticator.look_up, key)
        except Unauthenticated:
            self._failed.count(address, key)
            raise

    async def _admitted(
        self, served: ServedOperation, scope: Scope | Access, incoming: Incoming
    ) -> Principal:
        """Who sent a request for this. Raises Unauthenticated, Forbidden, LimitReached, TooManyFailures,
        Unavailable.
        """
        headers, address, trace = incoming.headers, incoming.address, incoming.trace
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
        key = key_of(headers)
        try:
            principal = self._context.authenticator.remembered(key) or await self._looked_up(key, address)
        except KeyEnded as ended:
            trace.tenant, trace.key_id, trace.of_browser = ended.tenant, ended.key_id, ended.of_browser
            raise
        trace.tenant, trace.key_id = principal.tenant, principal.key_id
        trace.of_browser = principal.of_browser
        if not principal.of_browser:
            self._context.services.key_uses.note(principal.key_id)
            self._watch.used(trace, address)
        principal.require_tenant(changes=served.changes)
        principal.require(scope)
        if served.looks_at_region:
            principal.require_region(self._context.settings.region)
        principal.require_unblocked(
            reads=served.reads_data, writes=served.writes_data, now_ms=self._clock.unix_ms()
        )
        return principal

    async def _serve(self, served: ServedOperation, incoming: Incoming, receive: Receive) -> Served:
        operation, trace = served.operation, incoming.trace
        trace.operation = operation.name
        if operation.scope is None:
            loop = asyncio.get_running_loop()
            call = self._call(operation, incoming, ANONYMOUS, b"")
            return Served(await loop.run_in_executor(self._open_threads, work, served, call, None, None))
        trace.namespace = _namespace_of(served, incoming)
        principal = await self._admitted(served, operation.scope, incoming)
        trace.tenant, trace.key_id = principal.tenant, principal.key_id
        _require_reach(principal, served, incoming)
        quota = self._context.rate_limiter.admit(principal, operation.name)
        if isinstance(quota, limits.Undecided):
            headers = await self._within_rate(principal, operation)
        else:
            headers = limits.told(quota)
        share = self._shares.begin(principal.tenant, principal.key_id)
        try:
            if operation.feed is not None:
                return await self._follow(
                    served, operation.feed, incoming, receive, principal, share, headers
                )
            body = b""
            if operation.body is not None:
                body = await self._bodies.read(receive, incoming.headers, served.bytes_max, share)
                trace.bytes_in = len(body)
            now = self._clock.monotonic()
            deadline = self._deadline(operation, now)
            call = self._call(operation, incoming, principal, body, asked_at=now)
            threads = self._computing_threads if operation.computes else self._threads
            turn = principal.tenant, principal.key_id, deadline

            async def attempt() -> Answer:
                if self._brief is not None and operation.kind_of is not None and is_small(call):
                    run = partial(threads.run, *turn)
                    return await self._brief.answer(served, operation.kind_of, call, share, deadline, run)
                return await threads.run(*turn, work, served, call, share, deadline)

            return _told(await self._once_applied(share, attempt), share, headers)
        except BaseException:
            share.end()
            raise

    async def _once_applied(self, share: Share, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer, once what its version token names has come from the other site. Waiting holds no thread, and of
        what an attempt holds nothing.

        Raises VersionNotApplied where it does not come in time, and whatever `attempt` raises.
        """
        settings = self._context.settings
        for _ in range(int(settings.applied_seconds_max / settings.applied_pause_seconds)):
            held = share.held
            try:
                return await attempt()
            except VersionNotApplied:
                share.give_back(share.held - held)
                await asyncio.sleep(settings.applied_pause_seconds)
        return await attempt()

    async def _follow(
        self,
        served: ServedOperation,
        opening: Callable[[Call], OpenFeed],
        incoming: Incoming,
        receive: Receive,
        principal: Principal,
        share: Share,
        headers: ResponseHeaders,
    ) -> Served:
        """A page of a feed, waited for where that is asked for, or the feed as an event stream."""
        settings, operation = self._context.settings, served.operation
        streams = wants_stream(incoming.headers.get("accept"))
        if streams and not settings.streams:
            raise NoEventStream

        async def in_turn(do: Callable[[], T]) -> T:
            # Each has a deadline of its own, and what is waited between them holds no thread.
            deadline = self._deadline(operation, self._clock.monotonic())

            def done() -> T:
                with within(deadline):
                    return do()

            return await self._threads.run(principal.tenant, principal.key_id, deadline, done)

        async def admitted() -> None:
            assert operation.scope is not None
            _require_reach(await self._admitted(served, operation.scope, incoming), served, incoming)

        call = self._call(operation, incoming, principal, b"")
        await in_turn(lambda: look_behind(call))
        feed = await in_turn(lambda: opening(call))
        with ExitStack() as closing:
            if streams or feed.wait_seconds:
                closing.enter_context(self._feeds.opened(principal.tenant, principal.key_id))
            if not streams:
                with ends_of(incoming.stopping, receive) as ended:
                    answer = await long_poll(self._feeds, feed, in_turn, self._clock.monotonic, ended)
                if call.behind is not None:
                    answer = with_freshness(answer, call.behind)
                return _told(answer, share, headers)
            first = await in_turn(feed.page)
            stream = EventStream(
                self._feeds,
                feed,
                first,
                in_turn,
                admitted,
                settings,
                self._clock.monotonic,
                incoming,
                closing.pop_all(),
            )
            begun = Answer(200, content_type=EVENT_STREAM, headers=headers)
            if call.behind is not None:
                begun = with_freshness(begun, call.behind)
            return Served(begun, share, stream)

    async def _within_rate(self, principal: Principal, operation: Operation) -> ResponseHeaders:
        """What the answer carries, where the store has to be asked. Raises RateLimited. A limiter that cannot tell in
        time admits.
        """
        limiter = self._context.rate_limiter
        seconds = self._context.settings.rate_seconds_max
        deciding = asyncio.get_running_loop().run_in_executor(
            self._rate_threads, limiter.decide, principal, operation.name
        )
        try:
            return limits.told(await asyncio.wait_for(deciding, seconds))
        except TimeoutError:
            limiter.give_up(f"the store did not answer within {seconds:g} s")
            return ()

    def _call(
        self,
        operation: Operation,
        incoming: Incoming,
        principal: Principal,
        body: bytes,
        *,
        asked_at: float | None = None,
    ) -> Call:
        return Call(
            self._context,
            principal,
            incoming.method,
            incoming.path,
            incoming.parameters,
            incoming.query_string,
            incoming.headers,
            body,
            incoming.trace.request_id,
            operation.name,
            incoming.trace,
            asked_at=asked_at,
        )

    def _deadline(self, operation: Operation, now: float) -> ReadDeadline | None:
        """Of a read. A write that was begun is seen to its end."""
        if operation.scope is not Scope.READ:
            return None
        seconds = self._context.settings.read_seconds_max
        return ReadDeadline(self._clock.monotonic, now + seconds, seconds)


def _told(answer: Answer, share: Share, headers: ResponseHeaders) -> Served:
    share.hold(len(answer.body))
    if headers:
        # A handler that counted further requests has told what is left after those.
        told = {name for name, _ in answer.headers}
        others = tuple(header for header in headers if header[0] not in told)
        answer = replace(answer, headers=(*answer.headers, *others))
    return Served(answer, share)


def _require_reach(principal: Principal, served: ServedOperation, incoming: Incoming) -> None:
    """Raises Forbidden where the key does not reach the namespace that the request is about.

    Operations whose path names none are about all, or see to it themselves.
    """
    if served.of_cloudflare:
        principal.require_namespace(DEFAULT_NAMESPACE)
    elif "namespace" in incoming.parameters:
        principal.require_namespace(incoming.parameters["namespace"])
    elif isinstance(served.operation.scope, Access):
        principal.require_every_namespace()


def _namespace_of(served: ServedOperation, incoming: Incoming) -> str | None:
    """Which namespace a request is about, for its usage line: None for what could be none."""
    if served.of_cloudflare:
        return DEFAULT_NAMESPACE
    name = incoming.parameters.get("namespace", "")
    return name if is_namespace_name(name) else None
