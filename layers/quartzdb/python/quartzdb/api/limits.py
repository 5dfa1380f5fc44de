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
    """Decides per request. Called on the event loop, so it must answer from memory, at once; and on the threads of
    handlers, whose batches count as several.
    """

    def admit(self, principal: Principal, operation: str, requests: int = 1) -> Quota | None:
        """The quota that the request, or so many of them, fall under; None where there is no limit."""
        ...


class Unlimited:
    """No limit: the default, where every caller is the owner."""

    def admit(
        self,
        principal: Principal,  # noqa: ARG002 - the port's signature
        operation: str,  # noqa: ARG002
        requests: int = 1,  # noqa: ARG002
    ) -> Quota | None:
        """No quota."""
        return None


def admit(limiter: RateLimiter, principal: Principal, operation: str, requests: int = 1) -> Headers:
    """The headers that an admitted request's response carries. Raises RateLimited."""
    quota = limiter.admit(principal, operation, requests)
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
