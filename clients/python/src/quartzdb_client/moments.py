"""When something ends, as the API writes it."""

from __future__ import annotations

from datetime import datetime, timezone
from enum import Enum
from typing import Any, Literal, TypeAlias


class Never(Enum):
    """What null says of an expiry."""

    NEVER = "never"


NEVER: Literal[Never.NEVER] = Never.NEVER
"""In a patch, one that is sent or one that a feed tells: the record does not expire any more."""
Moment: TypeAlias = "datetime | float | str"
"""A datetime with its time zone, seconds since 1970, or RFC 3339."""
Expiry: TypeAlias = "Moment | Literal[Never.NEVER]"


def written(moment: Moment) -> str:
    """In RFC 3339, to the millisecond. Raises ValueError for a datetime without a time zone."""
    if isinstance(moment, str):
        return moment
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, timezone.utc)
    if moment.tzinfo is None:
        raise ValueError(f"Which time zone is {moment} in? Give it one: .replace(tzinfo=timezone.utc).")
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def expiry(ttl_seconds: float | None, expires_at: Expiry | None) -> dict[str, Any]:
    """What a patch says of it; NEVER is sent as null. What is not given is left out."""
    sent: dict[str, Any] = {}
    if ttl_seconds is not None:
        sent["ttl_seconds"] = ttl_seconds
    if expires_at is not None:
        sent["expires_at"] = None if isinstance(expires_at, Never) else written(expires_at)
    return sent
