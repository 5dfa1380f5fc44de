"""Hours, days and months of usage: all of them in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def day_of(unix_ms: int) -> str:
    """2026-11-29."""
    return _hour(unix_ms // HOUR_MS)[0]


def hour_of(unix_ms: int) -> str:
    """Of the day, two digits."""
    return _hour(unix_ms // HOUR_MS)[1]


def month_of(unix_ms: int) -> str:
    """2026-11."""
    return _at(unix_ms).strftime("%Y-%m")


def start_ms(text: str) -> int:
    """When a day or a month begins. Raises ValueError for what is neither."""
    whole = text if len(text) == len("2026-11-29") else f"{text}-01"
    return int(datetime.strptime(whole, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1_000)


def month_end_ms(month: str) -> int:
    """When the next one begins."""
    later = _at(start_ms(month)) + timedelta(days=32)
    return start_ms(later.strftime("%Y-%m"))


@lru_cache(maxsize=1_024)
def _hour(number: int) -> tuple[str, str]:
    # Remembered, because every line asks, and those of a moment are of one hour.
    at = _at(number * HOUR_MS)
    return at.strftime("%Y-%m-%d"), at.strftime("%H")


def _at(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms // 1_000, UTC)
