"""Times as answers have them: RFC 3339 in UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from quartzdb.domain.limits import TIME_MS_MAX

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(unix_ms: int) -> str:
    """1700000000000 → 2023-11-14T22:13:20.000Z. A time that no date can say is the last one that some date can."""
    seconds, milliseconds = divmod(min(unix_ms, TIME_MS_MAX), 1000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unix_ms_of(text: str) -> int | None:
    """The unix milliseconds of an RFC 3339 time with an offset; None for anything else."""
    if len(text) < 20 or text[10] not in "Tt ":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def rfc3339_or_none(unix_ms: int | None) -> str | None:
    """The same for a time that may never come."""
    return None if unix_ms is None else rfc3339(unix_ms)
