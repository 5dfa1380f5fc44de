"""The deadline of an invocation: a request that Lambda is about to cut off is answered just before that.

Cut off, the instance would die with whatever it holds, and the caller would get Lambda's own 502.
HAZARD: the work goes on in its thread while the instance is not frozen, so a write may still happen after the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from quartzdb.api.asgi import Application, AsgiScope, Message, Receive, Send
from quartzdb.aws_lambda.early_answer import refuse
from quartzdb.aws_lambda.invocation import invocation_of
from quartzdb.domain.errors import DeadlineExceeded

MARGIN_MS = 500
"""What remains for answering, writing metrics and returning."""


class InvocationDeadline:
    """Middleware, outside the application. `exceeded` is told of each request that ran out of time."""

    def __init__(self, app: Application, *, exceeded: Callable[[], None], margin_ms: int = MARGIN_MS) -> None:
        self._app = app
        self._exceeded = exceeded
        self._margin_ms = margin_ms

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        left_ms = max(0, invocation_of(scope).remaining_ms() - self._margin_ms)
        try:
            async with asyncio.timeout(left_ms / 1000):
                await self._app(scope, receive, watched)
        except TimeoutError:
            if begun:
                raise  # never seen: an answer is sent in one piece once it is whole
            self._exceeded()
            error = DeadlineExceeded(
                "The request was not done when the time for it ended.",
                hint="A write may have happened or not; send it again. Send large batches in smaller parts.",
            )
            await refuse(error, scope, send)
