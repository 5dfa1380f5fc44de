"""What has come is taken at once, and what has not is waited for, but no longer than it may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from quartzdb.api.at_once import within_time


async def come() -> str:
    return "come"


async def fails() -> str:
    await asyncio.sleep(0)
    raise ValueError("it went wrong")


def test_what_has_come_needs_no_time() -> None:
    """Not even where there is none."""
    assert asyncio.run(within_time(come(), 0)) == "come"


def test_what_comes_later_is_waited_for() -> None:
    """Through as many pauses as it takes; also where it is no coroutine."""

    async def run() -> tuple[str, int]:
        event = asyncio.Event()

        async def comes_later() -> str:
            await event.wait()
            await asyncio.sleep(0)
            return "later"

        asyncio.get_running_loop().call_soon(event.set)
        waited = await within_time(comes_later(), 60)
        future: Awaitable[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 7)  # type: ignore[attr-defined]  # it is a future
        return waited, await within_time(future, 60)

    assert asyncio.run(run()) == ("later", 7)


def test_what_does_not_come_is_given_up() -> None:
    """And told so, that it can tidy up."""
    told = []

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append(True)
            raise

    async def run() -> None:
        with pytest.raises(TimeoutError):
            await within_time(never(), 0.001)

    asyncio.run(run())
    assert told == [True]


def test_what_goes_wrong_is_raised() -> None:
    """After a pause as before it."""
    with pytest.raises(ValueError, match="it went wrong"):
        asyncio.run(within_time(fails(), 60))
