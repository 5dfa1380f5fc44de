"""Threads that are shared fairly: those who wait for one take turns by key, however many requests each has.

A key has at most all but the spare threads, so that another one's request begins at once.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from quartzdb.domain.deadline import ReadDeadline

P = ParamSpec("P")
T = TypeVar("T")


class FairThreads:
    """One event loop calls it."""

    def __init__(self, threads: int, spare: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads + spare, thread_name_prefix=name)
        self._free = threads + spare
        self._of_one_max = threads
        self._running: dict[str, int] = {}
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def run(
        self,
        key_id: str,
        deadline: ReadDeadline | None,
        work: Callable[P, T],
        *arguments: P.args,
        **named: P.kwargs,
    ) -> T:
        """What the work returns, in its turn. Raises DeadlineExceeded where that has not come by the deadline."""
        if not self._free or self._running.get(key_id, 0) >= self._of_one_max:
            await self._turn(key_id, deadline)
        else:
            self._begin(key_id)
        loop = asyncio.get_running_loop()
        done: Future[T] | None = None
        try:
            done = self._pool.submit(work, *arguments, **named)
            return await asyncio.wrap_future(done)
        finally:
            if done is None or done.done():
                self._end(key_id)
            else:
                # Who waited for it has given up, but the thread is busy until the work ends.
                done.add_done_callback(lambda _: _call_soon(loop, self._end, key_id))
            # It has the exception, whose traceback has this frame: a ring that would keep the body for long.
            del done

    async def _turn(self, key_id: str, deadline: ReadDeadline | None) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key_id, deque()).append(turn)
        try:
            async with asyncio.timeout(None if deadline is None else max(0.0, deadline.left)):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._end(key_id)  # it had just come
            else:
                self._forget(key_id, turn)
            if isinstance(error, TimeoutError) and deadline is not None:
                raise deadline.exceeded() from error
            raise

    def _begin(self, key_id: str) -> None:
        self._free -= 1
        self._running[key_id] = self._running.get(key_id, 0) + 1

    def _end(self, key_id: str) -> None:
        self._free += 1
        left = self._running[key_id] - 1
        if left:
            self._running[key_id] = left
        else:
            del self._running[key_id]
        if self._waiting:
            self._give_turns()

    def _give_turns(self) -> None:
        for key_id in list(self._waiting):
            if not self._free:
                return
            if self._running.get(key_id, 0) >= self._of_one_max:
                continue
            turns = self._waiting[key_id]
            turn = turns.popleft()
            if turns:
                self._waiting.move_to_end(key_id)
            else:
                del self._waiting[key_id]
            self._begin(key_id)
            turn.set_result(None)

    def _forget(self, key_id: str, turn: asyncio.Future[None]) -> None:
        turns = self._waiting.get(key_id)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._waiting[key_id]


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[str], None], key_id: str) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, key_id)
