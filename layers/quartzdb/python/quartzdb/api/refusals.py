"""What the HTTP edge itself refuses, before or instead of a service. Raised like every other QuartzError."""

from __future__ import annotations

from collections.abc import Iterable

from quartzdb.domain.errors import (
    Forbidden,
    IdempotencyConflict,
    InvalidArgument,
    NotFound,
    QuartzError,
    Reached,
    Unavailable,
)


class InvalidJson(InvalidArgument):
    """The request body is not valid JSON."""

    code = "invalid_json"


class InvalidBody(InvalidArgument):
    """The request body ended early, or does not decode as its Content-Encoding says."""

    code = "invalid_body"


class InvalidPath(InvalidArgument):
    """The path does not percent-decode to UTF-8 text."""

    code = "invalid_path"


class BodyTooLarge(QuartzError):
    """The request body is over the limit, as sent or decompressed."""

    code = "body_too_large"

    def __init__(self, bytes_max: int) -> None:
        super().__init__(
            f"The request body is larger than {bytes_max} bytes, as sent or decompressed.",
            hint="Split the request into smaller ones.",
        )


class BodyTimeout(QuartzError):
    """The sender of the request body paused for too long."""

    code = "body_timeout"


class BodyTooComplex(QuartzError):
    """The request body has more values, or more objects and arrays, than this operation has use for."""

    code = "body_too_complex"


class HeadersTooLarge(QuartzError):
    """The request's headers, or its address, are over the limit of this server."""

    code = "headers_too_large"


class UnsupportedMediaType(QuartzError):
    """The body's Content-Type or Content-Encoding is not one that this operation reads."""

    code = "unsupported_media_type"


class FeedGone(QuartzError):
    """The change feed is not kept from the cursor on. Repair first, then go on from the problem's `cursor`."""

    code = "feed_gap"

    def __init__(self, cursor: str) -> None:
        super().__init__(
            "The feed is not kept from that cursor on.",
            field="cursor",
            hint="Compare digests and repair what differs, then go on from `cursor`.",
        )
        self.cursor = cursor


class RouteNotFound(NotFound):
    """There is nothing at this path."""

    code = "route_not_found"


class MethodNotAllowed(QuartzError):
    """There is something at this path, but not for this method."""

    code = "method_not_allowed"

    def __init__(self, method: str, allowed: Iterable[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"{method} is not possible here.", hint=f"Use {self.allowed}.")


class RateLimited(QuartzError):
    """The tenant sent more requests than its rate allows."""

    code = "rate_limited"

    def __init__(
        self, retry_after_seconds: int, headers: tuple[tuple[str, str], ...], reached: Reached | None = None
    ) -> None:
        message, hint = (
            "Too many requests.",
            f"Try again in {retry_after_seconds} s, and slow down before that.",
        )
        if reached is not None:
            whose = "this key" if reached.limit.startswith("key_") else "this project"
            message = f"Too many requests: {whose} has {reached.allowed:,} {reached.unit}."
            if reached.raise_at:
                hint += f" More can be had at {reached.raise_at}"
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds
        self.headers = headers
        self.reached = reached


class NoEventStream(QuartzError):
    """This site has no event streams: a request there ends within seconds."""

    code = "no_event_stream"

    def __init__(self) -> None:
        super().__init__(
            "This site sends no event streams.",
            field="Accept",
            hint="Ask for application/json with `wait`, again and again, with the cursor of each answer.",
        )


class TooManyFeeds(RateLimited):
    """This key, this tenant or this process has as many feeds open as one may have."""

    code = "too_many_feeds"

    def __init__(self, whose: str, feeds_max: int) -> None:
        super().__init__(1, ())
        self.message = f"This {whose} has {feeds_max} change feeds open already."
        self.hint = "Close one, let one process follow a feed for all, or ask without `wait`."


class TooManyUnderWay(RateLimited):
    """This key, or this tenant, has as many requests under way as one may have."""

    code = "too_many_under_way"

    def __init__(self, whose: str, requests_max: int) -> None:
        super().__init__(1, ())
        self.message = f"This {whose} has {requests_max} requests under way already."
        self.hint = "Wait for answers, and read them, before sending more."


class TooManyFailures(RateLimited):
    """Too many requests with a key that is not good came from this address, or with this key's id."""

    code = "too_many_failures"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds, ())
        self.message = "Too many requests with a key that is not good came from this address."
        self.hint = f"Check the key, and try again in {retry_after_seconds} s."


class Overloaded(Unavailable):
    """This process has as many requests under way as it takes."""

    code = "overloaded"


class OriginRefused(Forbidden):
    """The request did not come through the deployment's own edge."""

    code = "origin_refused"


class IdempotencyMismatch(IdempotencyConflict):
    """An idempotency key was used before for a different request."""

    code = "idempotency_mismatch"
