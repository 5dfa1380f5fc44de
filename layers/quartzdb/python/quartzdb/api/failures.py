"""Failures: errors become answers here, unforeseen ones a log entry with the traceback and an answer that hides it."""

from __future__ import annotations

import logging

from quartzdb.api.answer import Answer
from quartzdb.api.errors import error_answer, internal_error_answer
from quartzdb.api.refusals import Overloaded
from quartzdb.api.trace import Trace
from quartzdb.domain.errors import QuartzError, Unavailable

logger = logging.getLogger(__name__)


def answer_to(error: Exception, path: str, trace: Trace) -> Answer:
    """What a request is answered that ended with an error; its trace has the code from then on."""
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
