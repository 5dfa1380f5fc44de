"""Requests with keys that are not good: how many an address may send, and how many may name one key.

A key that was good lately gets in from anywhere. Otherwise an address whose failures are used up is told to wait before
anything is looked up; so is one that has failed before, for a key that too many have failed for. An address that never
failed is always heard: so nobody locks a key's holder out from elsewhere. In memory, of this process alone.
"""

from __future__ import annotations

import math
import re
import threading
from collections import OrderedDict

from quartzdb.api.refusals import TooManyFailures
from quartzdb.domain.clock import Clock

_REMEMBERED_MAX = 10_000
_KEY_ID = re.compile(r"qdb_live_([0-9a-f]{12})_")


class FailedKeys:
    """Thread-safe. `burst` failures at once, then one every `seconds`; a key's own: ten times as many."""

    def __init__(self, clock: Clock, *, burst: int, seconds: float) -> None:
        self._clock = clock
        self._addresses = _Buckets(burst, seconds)
        self._keys = _Buckets(10 * burst, seconds / 10)
        self._lock = threading.Lock()

    def check(self, address: str, key: str | None) -> None:
        """Raises TooManyFailures where this address has to wait before its key is looked at."""
        if key is None:
            return
        now = self._clock.monotonic()
        with self._lock:
            wait = self._addresses.wait(_network(address), now)
            if not wait and self._addresses.known(_network(address), now):
                wait = self._keys.wait(_id_of(key), now) if _id_of(key) else 0.0
        if wait:
            raise TooManyFailures(max(1, math.ceil(wait)))

    def count(self, address: str, key: str | None) -> None:
        """This key, from this address, was not good. One that was not there at all is no attempt."""
        if key is None:
            return
        now = self._clock.monotonic()
        with self._lock:
            self._addresses.take(_network(address), now)
            if _id_of(key):
                self._keys.take(_id_of(key), now)


class _Buckets:
    """Token buckets by name. Of full ones nothing is kept, and of too many the oldest is forgotten."""

    def __init__(self, burst: int, seconds: float) -> None:
        self._burst = burst
        self._seconds = seconds
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """When each bucket is full again: all there is to know of one."""

    def known(self, name: str, now: float) -> bool:
        return self._full_at.get(name, now) > now

    def wait(self, name: str, now: float) -> float:
        """Seconds until there is a token."""
        missing = (self._full_at.get(name, now) - now) / self._seconds
        return max(0.0, missing - (self._burst - 1)) * self._seconds

    def take(self, name: str, now: float) -> None:
        self._full_at[name] = max(now, self._full_at.get(name, now)) + self._seconds
        self._full_at.move_to_end(name)
        while len(self._full_at) > _REMEMBERED_MAX:
            self._full_at.popitem(last=False)


def _id_of(key: str) -> str:
    found = _KEY_ID.match(key)
    return found[1] if found else ""


def _network(address: str) -> str:
    """Of IPv6 the first half, which one customer of a provider has to himself."""
    if ":" not in address:
        return address
    from ipaddress import IPv6Address

    try:
        return str(int(IPv6Address(address.strip("[]").partition("%")[0])) >> 64)
    except ValueError:
        return address
