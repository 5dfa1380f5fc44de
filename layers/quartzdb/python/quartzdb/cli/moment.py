"""Moments on the command line: 2026-11-23T14:05:00Z."""

from __future__ import annotations

from datetime import datetime

import click


class Moment(click.ParamType[int]):
    """A date and a time with a zone (ISO 8601); the value is in unix milliseconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds. A time without a zone is refused: an hour's mistake is an hour of lost writes."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time. Write it as in 2026-11-23T14:05:00Z.", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} has no zone. Add Z for UTC, or an offset as in +01:00.", param, ctx)
        return int(moment.timestamp() * 1000)
