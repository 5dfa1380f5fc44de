"""Open feeds: how many each key has, and waiting until one of them has something. Waiting holds no thread.

One thread looks for all that wait, over and over. It takes at most a fifth of its time, so that many who wait have to
wait a little longer and nobody else has to.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from quartzdb.api.refusals import TooManyFeeds
from quartzdb.domain.errors import QuartzError
from quartzdb.domain.values import dataclass

_SHARE_OF_TIME = 5


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    look: Callable[[], bool]
    found: asyncio.Future[None]


class Feeds:
    """Of one process. One event loop calls it."""

    def __init__(self, *, feeds_max: int, of_tenant_max: int, of_key_max: int, pause_seconds: float) -> None:
        self._max = {"process": feeds_max, "tenant": of_tenant_max, "key": of_key_max}
        self._pause_seconds = pause_seconds
        self._open: Counter[tuple[str, ...]] = Counter()
        self._waiters: list[_Waiter] = []
        self._watching: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="quartzdb-feeds")

    @contextmanager
    def opened(self, tenant: str, key_id: str) -> Iterator[None]:
        """A place among the open feeds. Raises TooManyFeeds."""
        holders = {"process": (), "tenant": (tenant,), "key": (tenant, key_id)}
        for whose, holder in holders.items():
            if self._open[holder] >= self._max[whose]:
                raise TooManyFeeds(whose, self._max[whose])
        self._open.update(holders.values())
        try:
            yield
        finally:
            self._open.subtract(holders.values())
            self._open += Counter()  # drops who has none

    async def wait(
        self, look: Callable[[], bool], seconds: float, ended: Sequence[asyncio.Future[None]] = ()
    ) -> None:
        """Until `look` finds something (or raises, which the next page will, too), one of `ended` is, or time is up."""
        waiter = _Waiter(look, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._watch()
        try:
            await asyncio.wait([waiter.found, *ended], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiters.remove(waiter)
            if not self._waiters and self._watching is not None:
                self._watching.cancel()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        task = self._watching
        if task is None or task.done() or task.cancelling() or task.get_loop() is not loop:
            self._watching = loop.create_task(self._look_until_nobody_waits())

    async def _look_until_nobody_waits(self) -> None:
        loop = asyncio.get_running_loop()
        pause = self._pause_seconds
        while self._waiters:
            await asyncio.sleep(pause)
            begun = time.perf_counter()
            found = await loop.run_in_executor(self._thread, _found, list(self._waiters))
            pause = max(self._pause_seconds, (_SHARE_OF_TIME - 1) * (time.perf_counter() - begun))
            for waiter in found:
                if not waiter.found.done():
                    waiter.found.set_result(None)


def _found(waiters: Sequence[_Waiter]) -> list[_Waiter]:
    return [one for one in waiters if not one.found.done() and _finds(one.look)]


def _finds(look: Callable[[], bool]) -> bool:
    try:
        return look()
    except QuartzError:
        return True
