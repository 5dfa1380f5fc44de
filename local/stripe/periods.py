"""Billing periods: so many days, weeks, months or years from an anchor, in UTC and to the second."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

from local.stripe.store import Object

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def after(anchor: int, recurring: Object, count: int) -> int:
    """`count` periods after the anchor. The 31st is the last day of a shorter month, and the 31st again after it."""
    start = datetime.fromtimestamp(anchor, UTC)
    steps = recurring["interval_count"] * count
    if recurring["interval"] in _DAYS:
        return int((start + timedelta(days=_DAYS[recurring["interval"]] * steps)).timestamp())
    months = start.month - 1 + _MONTHS[recurring["interval"]] * steps
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, calendar.monthrange(year, month)[1])
    return int(start.replace(year=year, month=month, day=day).timestamp())


def around(anchor: int, recurring: Object, moment: int) -> tuple[int, int]:
    """The period that the moment is in, start inclusive, end exclusive."""
    count = 0
    while after(anchor, recurring, count + 1) <= moment:
        count += 1
    while after(anchor, recurring, count) > moment:
        count -= 1
    return after(anchor, recurring, count), after(anchor, recurring, count + 1)


def day(moment: int) -> str:
    """For people: `30 Nov 2026`, as in Stripe's descriptions."""
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %Y")
