"""The origin secret: only requests that carry it came through CloudFront. Everything else is refused, health included.

Two values are good, the present one and the one before, so that rotation has no moment in which neither side agrees.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Sequence

from quartzdb.api.asgi import Application, AsgiScope, RawHeaders, Receive, Send
from quartzdb.api.refusals import OriginRefused
from quartzdb.aws_lambda.early_answer import refuse
from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError, Unavailable

logger = logging.getLogger(__name__)

HEADER = b"x-quartzdb-origin-secret"
FRESH_SECONDS = 60.0
"""A value that was taken out of rotation works for this long more."""
AGAIN_SECONDS = 5.0
"""An unknown value makes us look again, but whoever guesses must not make us look all the time."""


class OriginSecret:
    """The values that are good, read when they are needed. Not thread-safe: one request at a time asks it.

    `read` gives the values of both stages, and raises Unavailable.
    """

    def __init__(self, read: Callable[[], Sequence[str]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._values: tuple[bytes, ...] = ()
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    def admits(self, headers: RawHeaders) -> bool:
        """Whether a request carries it. Raises Unavailable where no value was ever read."""
        given = [value for name, value in headers if name == HEADER]
        if len(given) != 1 or not given[0]:
            return False
        if self._age(self._read_at) >= FRESH_SECONDS:
            self._refresh()
        if self._is_good(given[0]):
            return True
        # Rotated a moment ago, perhaps: what is new to us need not be wrong.
        if self._refresh():
            return self._is_good(given[0])
        if not self._values:
            raise Unavailable("The origin secret could not be read.", hint="Try again in a moment.")
        return False

    def forget(self) -> None:
        """Read again at the next request: this memory may be a copy that was made long ago."""
        self._read_at = self._tried_at = float("-inf")

    def _refresh(self) -> bool:
        if self._age(self._tried_at) < AGAIN_SECONDS:
            return False
        self._tried_at = self._clock.monotonic()
        try:
            self._values = tuple(value.encode() for value in self._read() if value)
        except Unavailable:
            if not self._values:
                raise
            logger.warning(
                "the origin secret could not be read again; the values known stay good", exc_info=True
            )
        self._read_at = self._tried_at
        return True

    def _is_good(self, given: bytes) -> bool:
        # Every value is compared, each in constant time: how long it takes says nothing about them.
        return sum(hmac.compare_digest(given, value) for value in self._values) > 0

    def _age(self, moment: float) -> float:
        return self._clock.monotonic() - moment


class OriginGuard:
    """Middleware, outside everything. `refused` is told of each request that was refused."""

    def __init__(self, app: Application, secret: OriginSecret, *, refused: Callable[[], None]) -> None:
        self._app = app
        self._secret = secret
        self._refused = refused

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        try:
            admitted = self._secret.admits(scope["headers"])
        except QuartzError as error:
            await refuse(error, scope, send)
            return
        if not admitted:
            self._refused()
            refusal = OriginRefused(
                "This address is not for clients.", hint="Use the address of the deployment, its ApiUrl."
            )
            await refuse(refusal, scope, send)
            return
        # No further than here: the application has no use for it, and must not be able to repeat it.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != HEADER]
        await self._app(scope, receive, send)
