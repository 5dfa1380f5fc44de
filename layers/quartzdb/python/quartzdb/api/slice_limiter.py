"""The rate limiter: decides from slices that this process has leased, and leases them ahead of need, in other threads.

A tenant whose grant has no rates costs one look at its grant. Where the store cannot be asked, requests are admitted
for a while: a limit is no reason to refuse everybody.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from quartzdb.api.limits import UNDECIDED, Quota, Undecided
from quartzdb.api.slices import REFUSED_SECONDS_MIN, Slices
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import Reached, Unavailable
from quartzdb.domain.gcra import Rate
from quartzdb.domain.grant import TenantGrant
from quartzdb.services.keys import Principal
from quartzdb.services.ports import RateSlices

OPEN_SECONDS = 5.0
"""So long nothing is limited after the store could not be asked."""
_NAMES_REMEMBERED_MAX = 20_000
_ATTEMPTS_MAX = 8
_AHEAD_THREADS = 2
_BESIDE_THREADS = 4
_LOCKS = 64

Ahead = Callable[[Callable[[], None]], object]
"""Has something done in another thread."""

logger = logging.getLogger(__name__)


Beside = Callable[[Callable[[], None]], "Future[None]"]
"""Has something done in another thread, for whoever waits for it."""


def threads_ahead() -> Ahead:
    """Threads that lease ahead of need: made when there is something to lease."""
    return ThreadPoolExecutor(_AHEAD_THREADS, thread_name_prefix="quartzdb-rates").submit


def threads_beside() -> Beside:
    """Threads for what one request waits for together: made when there is something to wait for."""
    return ThreadPoolExecutor(_BESIDE_THREADS, thread_name_prefix="quartzdb-leases").submit


class _Limit(NamedTuple):
    """A rate that a request falls under. `policy` names it in headers, `limit` in the grant."""

    name: str
    policy: str
    limit: str
    rate: Rate


class SliceLimiter:
    """Thread-safe. `on_trouble` is told when the store cannot be asked, once in OPEN_SECONDS.

    `ahead` is given work to do beside requests: leasing ahead of need. None where a process is stopped between them.
    `beside` has the rates that one request waits for leased at the same time; None: where asking takes no time.
    """

    def __init__(
        self,
        slices: RateSlices,
        clock: Clock,
        *,
        ahead: Ahead | None,
        beside: Beside | None = None,
        on_trouble: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = slices
        self._clock = clock
        self._ahead = ahead
        self._beside = beside
        self._on_trouble = on_trouble
        self._names: OrderedDict[str, Slices] = OrderedDict()
        self._known: dict[str, tuple[TenantGrant, Sequence[tuple[_Limit, Slices]]]] = {}
        self._open_until = 0.0
        self._lock = threading.Lock()
        self._leasing = [threading.Lock() for _ in range(_LOCKS)]

    def admit(self, principal: Principal, operation: str, requests: int = 1) -> Quota | Undecided | None:  # noqa: ARG002
        """From memory alone; UNDECIDED where the store has to be asked: `decide` does."""
        rates = principal.grant.limits
        if rates.requests_per_second is None and rates.key_requests_per_second is None:
            return None
        now = self._clock.monotonic()
        with self._lock:
            if now < self._open_until:
                return None
            known = self._known.get(principal.key_id)
            held = known[1] if known and known[0] is principal.grant else self._know(principal)
            for limit, slices in held:
                count = min(requests, limit.rate.burst)
                if slices.left(now) < count:
                    wait = slices.refused(count, now)
                    return self._refusal(limit, principal.grant, wait) if wait else UNDECIDED
            tightest, least = held[0], 2.0
            for limit, slices in held:
                slices.spend(min(requests, limit.rate.burst), now)
                if self._ahead is not None and slices.needs_more(now):
                    slices.ahead = True
                    self._ahead(partial(self._lease_ahead, limit, slices))
                share = slices.remaining(limit.rate, now) / limit.rate.burst
                if share < least:
                    tightest, least = (limit, slices), share
            return _quota(tightest[0], tightest[1].remaining(tightest[0].rate, now))

    def decide(self, principal: Principal, operation: str, requests: int = 1) -> Quota | None:
        """The same, asking the store where that is needed. Blocks."""
        for _ in range(_ATTEMPTS_MAX):
            found = self.admit(principal, operation, requests)
            if not isinstance(found, Undecided):
                return found
            # One after the other: whoever waited finds what was leased meanwhile.
            with self._leasing[hash(principal.tenant) % _LOCKS]:
                self._lease_each(_limits(principal), requests)
        # Others of this process used up what was leased, again and again: it is too busy for its limit.
        return self._refusal(_limits(principal)[-1], principal.grant, REFUSED_SECONDS_MIN)

    def give_up(self, why: str) -> None:
        """The store could not be asked, or not in time: admit everything for a while, and say so."""
        now = self._clock.monotonic()
        with self._lock:
            told = now < self._open_until
            self._open_until = now + OPEN_SECONDS
        if not told:
            logger.error("rate limits are open for %g s, nothing is limited: %s", OPEN_SECONDS, why)
            self._on_trouble()

    def _lease_each(self, limits: Sequence[_Limit], requests: int) -> None:
        leases = [partial(self._lease, limit, min(requests, limit.rate.burst)) for limit in limits]
        # The request waits for the slowest of them, and not for one after the other.
        waiting = [] if self._beside is None else [self._beside(lease) for lease in leases[1:]]
        for lease in leases if self._beside is None else leases[:1]:
            lease()
        for one in waiting:
            one.result()

    def _lease(self, limit: _Limit, requests: int) -> None:
        asked_at = self._clock.monotonic()
        with self._lock:
            slices = self._slices(limit.name)
            missing = requests - slices.left(asked_at)
            if missing <= 0 or slices.refused(requests, asked_at):
                return
            most = slices.most(limit.rate, missing, asked_at)
        self._ask(limit, slices, missing, most, asked_at, requests)

    def _lease_ahead(self, limit: _Limit, slices: Slices) -> None:
        try:
            asked_at = self._clock.monotonic()
            with self._lock:
                most = slices.most(limit.rate, 1, asked_at)
            self._ask(limit, slices, 1, most, asked_at, 1)
        finally:
            with self._lock:
                slices.ahead = False

    def _ask(
        self, limit: _Limit, slices: Slices, least: int, most: int, asked_at: float, requests: int
    ) -> None:
        try:
            leased = self._store.lease(limit.name, limit.rate, least, most, self._clock.unix_ms())
        except Unavailable as error:
            self.give_up(error.message)
            return
        with self._lock:
            slices.take(leased, requests, asked_at, self._clock.monotonic())

    def _slices(self, name: str) -> Slices:
        slices = self._names.get(name)
        if slices is None:
            slices = self._names[name] = Slices()
            while len(self._names) > _NAMES_REMEMBERED_MAX:
                self._names.popitem(last=False)
        else:
            self._names.move_to_end(name)
        return slices

    def _know(self, principal: Principal) -> Sequence[tuple[_Limit, Slices]]:
        """The rates of a principal with what is held of them, found again by its key as long as its grant stays."""
        if len(self._known) >= _NAMES_REMEMBERED_MAX:
            self._known.clear()
        held = tuple((limit, self._slices(limit.name)) for limit in _limits(principal))
        self._known[principal.key_id] = (principal.grant, held)
        return held

    def _refusal(self, limit: _Limit, grant: TenantGrant, seconds: float) -> Quota:
        resets_at_ms = self._clock.unix_ms() + int(seconds * 1_000)
        per_second = limit.rate.per_second
        reached = Reached(
            limit.limit, per_second, per_second, "requests a second", resets_at_ms, grant.raise_at
        )
        return replace(_quota(limit, 0), reset_seconds=seconds, admitted=False, reached=reached)


def _quota(limit: _Limit, remaining: int) -> Quota:
    rate = limit.rate
    window_seconds = max(1, -(-rate.burst // rate.per_second))
    return Quota(limit.policy, rate.burst, window_seconds, remaining, 1 / rate.per_second)


def _limits(principal: Principal) -> Sequence[_Limit]:
    """The rates that a principal falls under: its key's first."""
    limits = principal.grant.limits
    found = []
    if limits.key_requests_per_second is not None:
        rate = Rate(limits.key_requests_per_second, limits.key_burst or limits.key_requests_per_second)
        name = f"{principal.tenant}/{principal.key_id}"
        found.append(_Limit(name, "key", "key_requests_per_second", rate))
    if limits.requests_per_second is not None:
        rate = Rate(limits.requests_per_second, limits.burst or limits.requests_per_second)
        found.append(_Limit(principal.tenant, "project", "requests_per_second", rate))
    return found
