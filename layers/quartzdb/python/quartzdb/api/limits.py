"""Rate limits: the seam. A limiter decides per tenant; here its decision becomes headers or a refusal.

Header syntax: draft-ietf-httpapi-ratelimit-headers-10 (RateLimit-Policy and RateLimit, structured fields).
"""

from __future__ import annotations

import math
from enum import Enum
from typing import Protocol

from quartzdb.api.answer import Headers
from quartzdb.api.refusals import RateLimited
from quartzdb.domain.errors import Reached
from quartzdb.domain.values import dataclass
from quartzdb.services.keys import Principal


@dataclass(frozen=True, slots=True)
class Quota:
    """What a limiter says about one request: the policy, and what is left of it now.

    `policy` is a name of letters, digits, '-' and '_'; `reset_seconds` is when `remaining` grows again. `reached`: what
    a refusal says of the limit.
    """

    policy: str
    requests: int
    window_seconds: int
    remaining: int
    reset_seconds: float
    admitted: bool = True
    reached: Reached | None = None


class Undecided(Enum):
    """The answer of a limiter that would have to ask somebody."""

    UNDECIDED = "undecided"


UNDECIDED = Undecided.UNDECIDED


class RateLimiter(Protocol):
    """Decides per request. A batch counts as several."""

    def admit(self, principal: Principal, operation: str, requests: int = 1) -> Quota | Undecided | None:
        """The quota that the request, or so many of them, fall under; None where there is no limit. Called on the event
        loop, so it answers from memory, at once: UNDECIDED where that does not tell.
        """
        ...

    def decide(self, principal: Principal, operation: str, requests: int = 1) -> Quota | None:
        """The same where `admit` could not tell. Blocks, and may take a second or longer."""
        ...

    def give_up(self, why: str) -> None:
        """Nobody waits any longer for `decide` to tell: the request is admitted."""
        ...


def admit(limiter: RateLimiter, principal: Principal, operation: str, requests: int = 1) -> Headers:
    """The headers that an admitted request's response carries. For threads: it may block. Raises RateLimited."""
    return told(limiter.decide(principal, operation, requests))


def told(quota: Quota | None) -> Headers:
    """The same for what a limiter decided."""
    if quota is None:
        return ()
    headers = _headers(quota)
    if not quota.admitted:
        raise RateLimited(max(1, math.ceil(quota.reset_seconds)), headers, quota.reached)
    return headers


def _headers(quota: Quota) -> Headers:
    return (
        ("RateLimit-Policy", f'"{quota.policy}";q={quota.requests};w={quota.window_seconds}'),
        ("RateLimit", f'"{quota.policy}";r={quota.remaining};t={math.ceil(quota.reset_seconds)}'),
    )
