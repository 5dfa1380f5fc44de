"""Failures: errors become answers here, unforeseen ones a log entry with the traceback and an answer that hides it."""

from __future__ import annotations

import logging
from typing import TypeVar

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quartzdb.api.answer import Answer
from quartzdb.api.errors import error_answer, internal_error_answer
from quartzdb.api.refusals import Overloaded
from quartzdb.api.trace import Trace, trace_of
from quartzdb.domain.errors import QuartzError, Unavailable

logger = logging.getLogger(__name__)

R = TypeVar("R", bound=Response)


class Failures:
    """Middleware, outside everything that can fail."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        trace = trace_of(scope)
        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # the last place where anything at all can be answered
            if begun:
                raise  # half an answer is sent: only closing the connection tells the client
            await respond(_answer(error, scope["path"], trace), scope, receive, send)


async def respond(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Send an answer."""
    await to_response(answer)(scope, receive, send)


def to_response(answer: Answer, kind: type[R] = Response) -> R:  # type: ignore[assignment]  # mypy#3737
    """An answer as Starlette sends it."""
    headers = dict(answer.headers)
    if answer.content_type is not None:
        # As a header, because as a media type Starlette would add a charset to what a user stored.
        headers["Content-Type"] = answer.content_type
    return kind(answer.body, answer.status, headers)


def _answer(error: Exception, path: str, trace: Trace) -> Answer:
    if isinstance(error, QuartzError):
        trace.code = error.code
        answer = error_answer(error, path, trace.request_id)
        if answer.status >= 500 and not isinstance(error, Overloaded):
            # Storage that is away or full is no mistake in the code, and fails every request: a line for each will do.
            away = isinstance(error, Unavailable)
            told = f"{error.message} ({error.__cause__})" if away and error.__cause__ else error.message
            traced = None if away else error
            logger.warning(
                "request %s (tenant %s): %s: %s",
                trace.request_id,
                trace.tenant,
                error.code,
                told,
                exc_info=traced,
            )
        return answer
    trace.code = QuartzError.code
    logger.error("request %s (tenant %s) failed", trace.request_id, trace.tenant, exc_info=error)
    return internal_error_answer(path, trace.request_id)
