"""Rate limits: the seam. A limiter decides per tenant; here its decision becomes headers or a refusal.

Header syntax: draft-ietf-httpapi-ratelimit-headers-10 (RateLimit-Policy and RateLimit, structured fields).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from quartzdb.api.answer import Headers
from quartzdb.api.refusals import RateLimited
from quartzdb.services.keys import Principal


@dataclass(frozen=True, slots=True)
class Quota:
    """What a limiter says about one request: the policy, and what is left of it now.

    `policy` is a name of letters, digits, '-' and '_'; `reset_seconds` is when `remaining` grows again.
    """

    policy: str
    requests: int
    window_seconds: int
    remaining: int
    reset_seconds: float
    admitted: bool = True


class RateLimiter(Protocol):
    """Decides per request. Called on the event loop, so it must answer from memory, at once."""

    def admit(self, principal: Principal, operation: str) -> Quota | None:
        """The quota that the request falls under; None where there is no limit."""
        ...


class Unlimited:
    """No limit: the default, where every caller is the owner."""

    def admit(self, principal: Principal, operation: str) -> Quota | None:  # noqa: ARG002 - the port's signature
        """No quota."""
        return None


def admit(limiter: RateLimiter, principal: Principal, operation: str) -> Headers:
    """The headers that an admitted request's response carries. Raises RateLimited."""
    quota = limiter.admit(principal, operation)
    if quota is None:
        return ()
    headers = _headers(quota)
    if not quota.admitted:
        raise RateLimited(max(1, math.ceil(quota.reset_seconds)), headers)
    return headers


def _headers(quota: Quota) -> Headers:
    return (
        ("RateLimit-Policy", f'"{quota.policy}";q={quota.requests};w={quota.window_seconds}'),
        ("RateLimit", f'"{quota.policy}";r={quota.remaining};t={math.ceil(quota.reset_seconds)}'),
    )
