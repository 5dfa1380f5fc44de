"""Threads that are shared fairly: those who wait for one take turns, as FairTurns has them.

A key has at most all but the spare threads and a tenant all but one, so that another one's request begins at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from quartzdb.api.fair_turns import FairTurns
from quartzdb.domain.deadline import ReadDeadline

P = ParamSpec("P")
T = TypeVar("T")


class FairThreads:
    """One event loop calls it."""

    def __init__(self, threads: int, spare: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads + spare, thread_name_prefix=name)
        self._turns = FairTurns(threads + spare, threads, threads + max(0, spare - 1))

    async def run(
        self,
        tenant: str,
        key_id: str,
        deadline: ReadDeadline | None,
        work: Callable[P, T],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """What the work returns, in its turn. Raises DeadlineExceeded where that has not come by the deadline."""
        await self._turns.take(tenant, key_id, deadline)
        loop = asyncio.get_running_loop()
        done: Future[T] | None = None
        try:
            done = self._pool.submit(work, *arguments, **named)
            return await asyncio.wrap_future(done)
        finally:
            if done is None or done.done():
                self._turns.give_back(tenant, key_id)
            else:
                # Who waited for it has given up, but the thread is busy until the work ends.
                done.add_done_callback(lambda _: _call_soon(loop, self._turns.give_back, tenant, key_id))
            # It has the exception, whose traceback has this frame: a ring that would keep the body for long.
            del done


def _call_soon(
    loop: asyncio.AbstractEventLoop, function: Callable[[str, str], None], tenant: str, key_id: str
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, tenant, key_id)
