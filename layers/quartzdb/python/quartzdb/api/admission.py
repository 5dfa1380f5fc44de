"""Admission: how many requests this process has under way at one time. Those over the limit are refused at once."""

from __future__ import annotations

from quartzdb.api.refusals import Overloaded

EXEMPT = frozenset({"/health", "/v1/health"})
"""Health is about whether the parts work; being busy is no reason to be taken for broken."""


class Admission:
    """Of one process. One event loop calls it. Whoever enters leaves when its answer is sent."""

    __slots__ = ("_requests_max", "_under_way")

    def __init__(self, requests_max: int) -> None:
        self._requests_max = requests_max
        self._under_way = 0

    def enter(self) -> None:
        """One more. Raises Overloaded, and then it has not entered."""
        if self._under_way >= self._requests_max:
            raise Overloaded(
                f"{self._requests_max} requests are under way already.",
                hint="Try again, with a growing pause.",
            )
        self._under_way += 1

    def leave(self) -> None:
        """One less."""
        self._under_way -= 1
