"""Durations on the command line: 90s, 15m, 12h, 30d, 8w."""

from __future__ import annotations

import re

import click

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SHAPE = re.compile(r"([0-9]+)([smhdw])")


class Duration(click.ParamType[int]):
    """A whole number and a unit; the value is in seconds, `least` or more."""

    name = "duration"

    def __init__(self, *, least: int = 1) -> None:
        self._least = least

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        shape = _SHAPE.fullmatch(str(value))
        if shape is None or int(shape[1]) < self._least:
            self.fail(
                f"{value!r} is no duration. Write a number and a unit, as in 90s, 15m, 12h, 30d or 8w.",
                param,
                ctx,
            )
        return int(shape[1]) * _SECONDS[shape[2]]
