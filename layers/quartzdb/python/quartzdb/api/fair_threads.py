"""Threads that are shared fairly: those who wait for one take turns by tenant and, of one tenant, by key.

However many requests each has. A key has at most all but the spare threads and a tenant all but one, so that another
one's request begins at once.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeAlias, TypeVar

from quartzdb.domain.deadline import ReadDeadline

P = ParamSpec("P")
T = TypeVar("T")
Turn: TypeAlias = asyncio.Future[None]


class FairThreads:
    """One event loop calls it."""

    def __init__(self, threads: int, spare: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads + spare, thread_name_prefix=name)
        self._free = threads + spare
        self._of_key_max = threads
        self._of_tenant_max = threads + max(0, spare - 1)
        self._of_key: Counter[tuple[str, str]] = Counter()
        self._of_tenant: Counter[str] = Counter()
        self._waiting = _Waiting()

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
        if self._may_begin(tenant, key_id):
            self._begin(tenant, key_id)
        else:
            await self._turn(tenant, key_id, deadline)
        loop = asyncio.get_running_loop()
        done: Future[T] | None = None
        try:
            done = self._pool.submit(work, *arguments, **named)
            return await asyncio.wrap_future(done)
        finally:
            if done is None or done.done():
                self._end(tenant, key_id)
            else:
                # Who waited for it has given up, but the thread is busy until the work ends.
                done.add_done_callback(lambda _: _call_soon(loop, self._end, tenant, key_id))
            # It has the exception, whose traceback has this frame: a ring that would keep the body for long.
            del done

    async def _turn(self, tenant: str, key_id: str, deadline: ReadDeadline | None) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.add(tenant, key_id, turn)
        try:
            async with asyncio.timeout(None if deadline is None else max(0.0, deadline.left)):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._end(tenant, key_id)  # it had just come
            else:
                self._waiting.forget(tenant, key_id, turn)
            if isinstance(error, TimeoutError) and deadline is not None:
                raise deadline.exceeded() from error
            raise

    def _may_begin(self, tenant: str, key_id: str) -> bool:
        return (
            self._free > 0
            and self._of_tenant[tenant] < self._of_tenant_max
            and self._of_key[tenant, key_id] < self._of_key_max
        )

    def _begin(self, tenant: str, key_id: str) -> None:
        self._free -= 1
        self._of_tenant[tenant] += 1
        self._of_key[tenant, key_id] += 1

    def _end(self, tenant: str, key_id: str) -> None:
        self._free += 1
        self._of_tenant[tenant] -= 1
        self._of_key[tenant, key_id] -= 1
        if not self._of_key[tenant, key_id]:
            del self._of_key[tenant, key_id]
        if not self._of_tenant[tenant]:
            del self._of_tenant[tenant]
        for next_tenant, next_key in self._waiting.in_turn():
            if not self._free:
                return
            if self._may_begin(next_tenant, next_key):
                self._begin(next_tenant, next_key)
                self._waiting.take(next_tenant, next_key).set_result(None)


class _Waiting:
    """Turns that have not come, by tenant and key: whose came last is last among those."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, OrderedDict[str, deque[Turn]]] = OrderedDict()

    def in_turn(self) -> Iterator[tuple[str, str]]:
        """Every tenant's keys, the tenant first whose turn is next."""
        for tenant in list(self._tenants):
            for key_id in list(self._tenants[tenant]):
                yield tenant, key_id

    def add(self, tenant: str, key_id: str, turn: Turn) -> None:
        """Behind the others of the key."""
        self._tenants.setdefault(tenant, OrderedDict()).setdefault(key_id, deque()).append(turn)

    def take(self, tenant: str, key_id: str) -> Turn:
        """The first of the key; its other turns, and its tenant's, come after everybody else's."""
        turn = self._tenants[tenant][key_id].popleft()
        self._tenants[tenant].move_to_end(key_id)
        self._tenants.move_to_end(tenant)
        self._drop_empty(tenant, key_id)
        return turn

    def forget(self, tenant: str, key_id: str, turn: Turn) -> None:
        """One that is waited for no more."""
        keys = self._tenants.get(tenant)
        turns = keys.get(key_id) if keys else None
        if turns is not None and turn in turns:
            turns.remove(turn)
            self._drop_empty(tenant, key_id)

    def _drop_empty(self, tenant: str, key_id: str) -> None:
        if not self._tenants[tenant][key_id]:
            del self._tenants[tenant][key_id]
        if not self._tenants[tenant]:
            del self._tenants[tenant]


def _call_soon(
    loop: asyncio.AbstractEventLoop, function: Callable[[str, str], None], tenant: str, key_id: str
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, tenant, key_id)
