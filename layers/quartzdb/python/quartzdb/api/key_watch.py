"""What the audit log is told of how keys are used: requests that were refused, and networks that a key comes from.

In memory, of this process alone. A storm is counted, not told line by line: of a key and a reason there is one line a
minute at most, with how many there were; of the networks of a key one a minute, too. Nothing of this asks storage.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import lru_cache
from ipaddress import ip_address, ip_network

from quartzdb.api.audit import write_key_line
from quartzdb.api.trace import Trace
from quartzdb.domain.clock import Clock

TOLD_EVERY_SECONDS = 60.0
_REMEMBERED_MAX = 10_000
_IPV4_BITS, _IPV6_BITS = 24, 48


@lru_cache(maxsize=4_096)
def network_of(address: str) -> str | None:
    """The network that an address is in, coarse enough to name no household; None for what is no address."""
    try:
        bits = _IPV6_BITS if ip_address(address.partition("%")[0]).version == 6 else _IPV4_BITS
        return str(ip_network(f"{address.partition('%')[0]}/{bits}", strict=False))
    except ValueError:
        return None


class _Refusals:
    """Of one key for one reason: when they were told last, and what has come since."""

    __slots__ = ("address", "count", "target", "told_at", "trace")

    def __init__(self) -> None:
        self.told_at: float | None = None
        self.count = 0
        self.target: str | None = None
        self.address = ""
        self.trace: Trace | None = None


class KeyWatch:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refusals: OrderedDict[tuple[str, str, str], _Refusals] = OrderedDict()
        self._networks: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._network_told: OrderedDict[str, float] = OrderedDict()
        self._flushed_at = clock.monotonic()
        self._lock = threading.Lock()

    def used(self, trace: Trace, address: str) -> None:
        """A good key came from there. Which of its networks are new, whoever reads the lines knows."""
        if trace.key_id is None:
            return
        now = self._clock.monotonic()
        network = network_of(address)
        with self._lock:
            tell = network is not None and self._is_news(trace.key_id, network, now)
            self._flush(now)
        if tell:
            write_key_line("key.network", trace, network, network, self._clock.unix_ms())

    def refused(self, trace: Trace, code: str, address: str) -> None:
        """A request with a key whose tenant is known was refused, for what its key may not."""
        if not trace.tenant or not trace.key_id:
            return
        now = self._clock.monotonic()
        with self._lock:
            found = self._refusals.setdefault((trace.tenant, trace.key_id, code), _Refusals())
            self._refusals.move_to_end((trace.tenant, trace.key_id, code))
            found.count += 1
            if found.count == 1:
                found.target, found.address, found.trace = trace.operation, address, trace
            if found.told_at is None or now - found.told_at >= TOLD_EVERY_SECONDS:
                self._tell(code, found, now)
            while len(self._refusals) > _REMEMBERED_MAX:
                (_, _, oldest), dropped = self._refusals.popitem(last=False)
                self._tell(oldest, dropped, now)
            self._flush(now)

    def _is_news(self, key_id: str, network: str | None, now: float) -> bool:
        place = (key_id, network or "")
        if place in self._networks:
            self._networks.move_to_end(place)
            return False
        told_at = self._network_told.get(key_id)
        if told_at is not None and now - told_at < TOLD_EVERY_SECONDS:
            return False  # told when it comes again after that
        self._networks[place] = None
        self._network_told[key_id] = now
        self._network_told.move_to_end(key_id)
        for remembered in (self._networks, self._network_told):
            if len(remembered) > _REMEMBERED_MAX:
                remembered.popitem(last=False)
        return True

    def _flush(self, now: float) -> None:
        """Tell what was counted and not told, once a minute, with whatever request comes then."""
        if now - self._flushed_at < TOLD_EVERY_SECONDS:
            return
        self._flushed_at = now
        for place, found in list(self._refusals.items()):
            if found.told_at is not None and now - found.told_at >= TOLD_EVERY_SECONDS:
                self._tell(place[2], found, now)
                del self._refusals[place]

    def _tell(self, code: str, found: _Refusals, now: float) -> None:
        if found.count and found.trace is not None:
            now_ms = self._clock.unix_ms()
            write_key_line(
                "access.denied", found.trace, found.target, found.address, now_ms, code, found.count
            )
        found.told_at, found.count = now, 0
