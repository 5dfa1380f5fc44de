"""Times as people and the API have them: RFC 3339 in UTC, to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(unix_ms: int) -> str:
    """The text of a time."""
    time = datetime.fromtimestamp(unix_ms / 1_000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
