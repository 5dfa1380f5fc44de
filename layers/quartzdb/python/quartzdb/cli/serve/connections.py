"""The connections of one process: who gets a place, and who has held one for too long.

Where places run out, the address with the most connections gives up the one that has been idle longest; only where none
is idle is a newcomer turned away. Every second all connections are looked at, so that a request costs no timer.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from quartzdb.cli.serve.connection_limits import ConnectionLimits

_LOOK_EVERY_SECONDS = 1.0


class Connection(Protocol):
    """What is known of a connection here."""

    address: str

    @property
    def idle_since(self) -> float | None:
        """None: a request is under way, or being sent."""
        ...

    def overdue(self, now: float) -> bool:
        """Whether the client has taken longer over what it is doing than it may."""
        ...

    def cut(self) -> None:
        """Close it without waiting for anything."""
        ...


class Connections:
    """`monotonic` gives seconds. One event loop uses it; before that it may be sent to another process."""

    def __init__(self, limits: ConnectionLimits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.now = monotonic
        self._open: dict[Connection, None] = {}
        self._of_address: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, connection: Connection) -> bool:
        """Give it a place, if there is one or somebody has to give one up. Whoever has one leaves it with `remove`."""
        limits = self.limits
        if self._of_address[connection.address] >= limits.of_address_max:
            if not self._give_up(connection.address):
                return False
        elif len(self._open) >= limits.connections_max and not self._give_up(None):
            return False
        self._open[connection] = None
        self._of_address[connection.address] += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_EVERY_SECONDS, self._look)
        return True

    def remove(self, connection: Connection) -> None:
        """It is closed, or will be."""
        if connection in self._open:
            del self._open[connection]
            self._of_address[connection.address] -= 1
            if not self._of_address[connection.address]:
                del self._of_address[connection.address]

    def cut_overdue(self) -> None:
        """Close those that have had their time."""
        now = self.now()
        for connection in [one for one in self._open if one.overdue(now)]:
            connection.cut()

    def _look(self) -> None:
        self._timer = None
        self.cut_overdue()
        if self._open:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_EVERY_SECONDS, self._look)

    def _give_up(self, address: str | None) -> bool:
        """Close the connection that has been idle longest: of an address, or (None) of the one with the most."""
        oldest: Connection | None = None
        best = (0, float("inf"))
        for one in self._open:
            since = one.idle_since
            if since is None or (address is not None and one.address != address):
                continue
            rank = (-self._of_address[one.address], since)
            if oldest is None or rank < best:
                oldest, best = one, rank
        if oldest is None:
            return False
        self.remove(oldest)
        oldest.cut()
        return True
