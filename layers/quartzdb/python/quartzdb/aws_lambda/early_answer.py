"""Answers that are given before, or instead of, the application: in its form, with an id, never cached."""

from __future__ import annotations

from quartzdb.api.answer import Answer
from quartzdb.api.asgi import AsgiScope, Send
from quartzdb.api.errors import error_answer
from quartzdb.api.request_id import HEADER
from quartzdb.api.sending import raw_headers, send_answer
from quartzdb.aws_lambda.invocation import invocation_of
from quartzdb.domain.errors import QuartzError

_ALWAYS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


def early_answer(error: QuartzError, path: str, request_id: str) -> Answer:
    """The answer to a request that the application does not see to its end."""
    answer = error_answer(error, path, request_id)
    headers = (*answer.headers, *_ALWAYS, (HEADER, request_id))
    return Answer(answer.status, answer.body, answer.content_type, headers)


async def refuse(error: QuartzError, scope: AsgiScope, send: Send) -> None:
    """Send it."""
    answer = early_answer(error, scope["path"], invocation_of(scope).request_id)
    await send_answer(answer, raw_headers(answer), answer.body, send)
