"""Types of options that take numbers. Their errors say what was given and what may be, not how a range is written."""

from __future__ import annotations

from typing import Any

import click


class WholeNumber(click.IntRange):
    """A whole number from `min`, up to `max` where there is one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = int(value)
        except ValueError:
            self.fail(f"must be a whole number, not {value}.", param, ctx)
        _check(self, number, param, ctx)
        return number


class Number(click.FloatRange):
    """A number from `min` to `max`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"must be a number, not {value}.", param, ctx)
        _check(self, number, param, ctx)
        return number


def _check(
    bounds: WholeNumber | Number, number: float, param: click.Parameter | None, ctx: click.Context | None
) -> None:
    low, high = bounds.min, bounds.max
    # Turned round, so that NaN is refused as well.
    if not ((low is None or number >= low) and (high is None or number <= high)):
        allowed = f"{low} or more" if high is None else f"{low} to {high}"
        bounds.fail(f"must be {allowed}, not {number}.", param, ctx)
