"""Grants on their way from the site that gives them to the peer, signed: all of them, whenever any has changed, and
every few minutes for a peer that lost its own.

Pushing again changes nothing, so nothing is remembered beyond this process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import NotFound, QuartzError
from quartzdb.domain.grant import TenantGrant
from quartzdb.replication.backoff import Backoff
from quartzdb.replication.wire.limits import GRANTS_MAX
from quartzdb.services.ports import TenantGrants
from quartzdb.services.tenants import is_old

logger = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
"""Between two looks at them: with the receiver's own memory, a suspension holds at both sites within half a minute."""
PUSH_AGAIN_SECONDS = 300.0
UNABLE_SECONDS = 3_600.0
"""A peer of an earlier release is asked again after so long."""


class TakesGrants(Protocol):
    """The peer."""

    def apply_grants(self, grants: Sequence[TenantGrant]) -> int:
        """Have it take grants over, signed. How many changed something."""
        ...


class GrantPush:
    """Not thread-safe. `goes`: whether anything of a tenant goes to the peer, its grant included. Of a tenant that is
    gone the word goes that it is, until nobody can hear of it from the peer any more.
    """

    def __init__(
        self,
        grants: TenantGrants,
        peer: TakesGrants,
        clock: Clock,
        jitter: Callable[[], float],
        *,
        goes: Callable[[TenantGrant], bool],
    ) -> None:
        self._grants = grants
        self._peer = peer
        self._clock = clock
        self._goes = goes
        self._backoff = Backoff(clock.monotonic, jitter)
        self._pushed: Sequence[TenantGrant] | None = None
        self._look_at = 0.0
        self._again_at = 0.0

    def run(self) -> bool:
        """Push them, unless the same ones went a short time ago. False: it failed."""
        now = self._clock.monotonic()
        if self._backoff.waiting or now < self._look_at:
            return True
        self._look_at = now + EVERY_SECONDS
        try:
            now_ms = self._clock.unix_ms()
            grants = [one for one in self._grants.list() if self._goes(one) and not is_old(one, now_ms)]
            if grants == self._pushed and now < self._again_at:
                return True
            for first in range(0, len(grants), GRANTS_MAX):
                self._peer.apply_grants(grants[first : first + GRANTS_MAX])
        except NotFound as error:
            if type(error) is NotFound:  # of the path, not of a tenant
                logger.warning("the peer's release takes no grants: say them there, too")
                self._look_at = now + UNABLE_SECONDS
                return True
            return self._failed(error)
        except QuartzError as error:
            return self._failed(error)
        self._backoff.succeeded()
        self._pushed = grants
        self._again_at = now + PUSH_AGAIN_SECONDS
        return True

    def _failed(self, error: QuartzError) -> bool:
        logger.warning("the grants did not reach the peer: %s", error.message)
        self._look_at = 0.0
        self._backoff.failed(error)
        return False
