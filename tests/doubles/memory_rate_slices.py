"""Slices of rates in memory: what RateSlices are, in their shortest form."""

from __future__ import annotations

import threading

from quartzdb.domain.gcra import Leased, Rate, lease


class MemoryRateSlices:
    """RateSlices in memory, which count the leases that were asked for."""

    def __init__(self) -> None:
        self._tats: dict[str, int] = {}
        self._lock = threading.Lock()
        self.asked = 0

    def lease(self, name: str, rate: Rate, least: int, most: int, now_ms: int) -> Leased:
        """Up to `most` requests."""
        with self._lock:
            self.asked += 1
            leased, tat_ns = lease(self._tats.get(name), now_ms * 1_000_000, rate, least, most)
            if tat_ns is not None:
                self._tats[name] = tat_ns
            return leased
