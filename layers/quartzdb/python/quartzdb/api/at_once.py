"""Waiting with a time limit that costs nothing where there is nothing to wait for.

Most bodies have come whole before anybody asks for them. A timer for each would be set and taken back again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from types import CoroutineType
from typing import Any, TypeVar

T = TypeVar("T")


async def within_time(awaitable: Awaitable[T], seconds: float) -> T:
    """What it gives. Raises TimeoutError where that takes longer than so many seconds."""
    if type(awaitable) is not CoroutineType and not isinstance(awaitable, Coroutine):
        async with asyncio.timeout(seconds):
            return await awaitable
    try:
        waits_for = awaitable.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    async with asyncio.timeout(seconds):
        return await _Rest(awaitable, waits_for)


class _Rest(Awaitable[T]):
    """What is left of a coroutine that has run up to where it waits."""

    __slots__ = ("_coroutine", "_waits_for")

    def __init__(self, coroutine: Coroutine[Any, Any, T], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, T]:
        coroutine, waits_for = self._coroutine, self._waits_for
        while True:
            try:
                given = yield waits_for
            except BaseException as error:  # noqa: BLE001 - handed on to the coroutine, whatever it is
                step: Any = coroutine.throw
                given = error
            else:
                step = coroutine.send
            try:
                waits_for = step(given)
            except StopIteration as done:
                value: T = done.value
                return value
