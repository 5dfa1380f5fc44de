"""Turns at a number of places: those who wait for one take them by tenant and, of one tenant, by key.

However many requests each has. A key has at most `of_key_max` places at one time, and a tenant `of_tenant_max`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import TypeAlias, TypeVar

from quartzdb.domain.deadline import ReadDeadline

Turn: TypeAlias = asyncio.Future[None]
K = TypeVar("K")


class FairTurns:
    """One event loop calls it. Whoever took a place gives it back."""

    def __init__(self, places: int, of_key_max: int, of_tenant_max: int) -> None:
        self._free = places
        self._of_key_max = of_key_max
        self._of_tenant_max = of_tenant_max
        self._of_key: dict[tuple[str, str], int] = {}
        self._of_tenant: dict[str, int] = {}
        self._waiting = _Waiting()

    async def take(self, tenant: str, key_id: str, deadline: ReadDeadline | None) -> None:
        """Take a place, at once where there is one. Raises DeadlineExceeded where none has come by the deadline."""
        if self._may_begin(tenant, key_id):
            self._begin(tenant, key_id)
        else:
            await self._turn(tenant, key_id, deadline)

    def give_back(self, tenant: str, key_id: str) -> None:
        """The place is free, for whoever is next."""
        self._free += 1
        _one_less(self._of_tenant, tenant)
        _one_less(self._of_key, (tenant, key_id))
        if not self._waiting:
            return
        for next_tenant, next_key in self._waiting.in_turn():
            if not self._free:
                return
            if self._may_begin(next_tenant, next_key):
                self._begin(next_tenant, next_key)
                self._waiting.take(next_tenant, next_key).set_result(None)

    async def _turn(self, tenant: str, key_id: str, deadline: ReadDeadline | None) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.add(tenant, key_id, turn)
        try:
            if deadline is None:
                await turn
            else:
                async with asyncio.timeout(max(0.0, deadline.left)):
                    await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give_back(tenant, key_id)  # it had just come
            else:
                self._waiting.forget(tenant, key_id, turn)
            if isinstance(error, TimeoutError) and deadline is not None:
                raise deadline.exceeded() from error
            raise

    def _may_begin(self, tenant: str, key_id: str) -> bool:
        return (
            self._free > 0
            and self._of_tenant.get(tenant, 0) < self._of_tenant_max
            and self._of_key.get((tenant, key_id), 0) < self._of_key_max
        )

    def _begin(self, tenant: str, key_id: str) -> None:
        self._free -= 1
        self._of_tenant[tenant] = self._of_tenant.get(tenant, 0) + 1
        self._of_key[tenant, key_id] = self._of_key.get((tenant, key_id), 0) + 1


def _one_less(counted: dict[K, int], key: K) -> None:
    left = counted[key] - 1
    if left:
        counted[key] = left
    else:
        del counted[key]


class _Waiting:
    """Turns that have not come, by tenant and key: whose came last is last among those."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, OrderedDict[str, deque[Turn]]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._tenants)

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
