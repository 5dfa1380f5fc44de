"""What can go wrong with a call, by kind. All are QuartzDBError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class QuartzDBError(Exception):
    """A call that failed. `str` says what happened and what to do; it never has the key."""

    kind = "error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        field: str | None = None,
        hint: str | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
        problem: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message if hint is None else f"{message} {hint}")
        self.message = message
        """What happened."""
        self.status = status
        """Of the answer; None where there was none."""
        self.code = code
        """A word of the API for this kind of problem, like `dimension_mismatch`."""
        self.field = field
        """Which part of the request it is about, like `vectors[3].vector`."""
        self.hint = hint
        """What to do."""
        self.request_id = request_id
        """Names the request in the server's log."""
        self.retry_after_seconds = retry_after_seconds
        """How long the server asks to wait."""
        self.problem: Mapping[str, Any] = problem or {}
        """All that the answer said."""

    @property
    def failures(self) -> Sequence[Mapping[str, Any]]:
        """Of a write with conditions: the records whose condition did not hold, each with `id`, `version`, `reason`."""
        found: Sequence[Mapping[str, Any]] = self.problem.get("failures", ())
        return found


class InvalidRequest(QuartzDBError):
    """The request is wrong, or too large: sending it again helps nothing. 400, 413, 415, 422."""

    kind = "invalid_request"


class Unauthenticated(QuartzDBError):
    """There is no key, or it is wrong, has ended or was revoked. 401."""

    kind = "unauthenticated"


class Forbidden(QuartzDBError):
    """The key may not do this. 403."""

    kind = "forbidden"


class LimitReached(QuartzDBError):
    """The plan, or a cap on spending, does not allow it. 402."""

    kind = "limit_reached"


class NotFound(QuartzDBError):
    """There is no such namespace, record or key. 404."""

    kind = "not_found"


class Conflict(QuartzDBError):
    """It contradicts what is there. 409."""

    kind = "conflict"


class Gone(QuartzDBError):
    """It was there, and is no longer kept: what comes next in a feed. `cursor` of `problem` is where to go on, once all
    was listed anew. 410."""

    kind = "gone"


class PreconditionFailed(QuartzDBError):
    """A condition of the write does not hold; nothing was written. 412."""

    kind = "precondition_failed"


class RateLimited(QuartzDBError):
    """Too many requests, also after the retries. 429."""

    kind = "rate_limited"


class ServerError(QuartzDBError):
    """The server failed or cannot serve now, also after the retries. 5xx."""

    kind = "server_error"


class ConnectionFailed(QuartzDBError):
    """There was no answer, or half of one, also after the retries. A write may have been done."""

    kind = "connection_failed"


class DeadlineExceeded(QuartzDBError):
    """The call took longer than its timeout. A write may have been done."""

    kind = "deadline_exceeded"


_BY_STATUS: Mapping[int, type[QuartzDBError]] = {
    401: Unauthenticated,
    402: LimitReached,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    412: PreconditionFailed,
    429: RateLimited,
}
_SERVER = 500


def error_of(status: int, headers: Mapping[str, str], problem: Mapping[str, Any]) -> QuartzDBError:
    """The error that an answer tells. `problem` is its document, empty where it had none."""
    kind = _BY_STATUS.get(status, ServerError if status >= _SERVER else InvalidRequest)
    return kind(
        problem.get("detail") or problem.get("title") or f"The server answered {status}.",
        status=status,
        code=problem.get("code"),
        field=problem.get("field"),
        hint=problem.get("hint"),
        request_id=problem.get("request_id") or headers.get("x-request-id"),
        retry_after_seconds=_seconds(headers.get("retry-after")),
        problem=problem,
    )


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        return None  # a date: no answer of this API has one
