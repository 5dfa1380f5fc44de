"""When a record is to expire, as clients say it: seconds from now, or a moment. Pure; raises InvalidArgument."""

from __future__ import annotations

from datetime import datetime

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import TTL_SECONDS_MAX, TTL_SECONDS_MIN


def asked_moment(
    ttl_seconds: float | None, expires_at: str | None, now_ms: int, prefix: str = ""
) -> int | None:
    """The moment in unix ms, None where neither is given. `prefix` is where they stand in the request.

    A moment that has passed is refused: whoever means that the record shall be gone deletes it, and whoever does not
    has a clock that is wrong.
    """
    if ttl_seconds is not None and expires_at is not None:
        raise InvalidArgument(
            "`ttl_seconds` and `expires_at` say the same thing.",
            field=f"{prefix}expires_at",
            hint="Give one of them.",
        )
    if ttl_seconds is not None:
        if not TTL_SECONDS_MIN <= ttl_seconds <= TTL_SECONDS_MAX:
            raise InvalidArgument(
                f"A time to live is {TTL_SECONDS_MIN} to {TTL_SECONDS_MAX} seconds, not {ttl_seconds}.",
                field=f"{prefix}ttl_seconds",
                hint="Leave it out for a record that never expires.",
            )
        return now_ms + int(ttl_seconds * 1000)
    return None if expires_at is None else _moment(expires_at, now_ms, f"{prefix}expires_at")


def _moment(text: str, now_ms: int, field: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or "T" not in text.upper():
        raise InvalidArgument(
            f"{text[:80]!r} is no moment with its time zone.",
            field=field,
            hint="Write RFC 3339, as in 2027-01-31T12:00:00Z, or give `ttl_seconds`.",
        )
    # Rounded up, so that a fraction of a millisecond is not lost to the record.
    unix_ms = -int(-moment.timestamp() * 1000 // 1)
    if unix_ms <= now_ms:
        raise InvalidArgument(
            f"{text!r} has passed: such a record would be gone at once.",
            field=field,
            hint="Delete the record, or give `ttl_seconds`, which counts from this server's clock.",
        )
    if unix_ms > now_ms + TTL_SECONDS_MAX * 1000:
        raise InvalidArgument(
            f"{text!r} is more than {TTL_SECONDS_MAX} seconds away.",
            field=field,
            hint="Leave it out for a record that never expires.",
        )
    return unix_ms
