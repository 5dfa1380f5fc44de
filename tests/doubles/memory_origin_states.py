"""The routing state in memory: what OriginStates are, in their shortest form."""

from __future__ import annotations

import threading

from quartzdb.routing.decision.state import RoutingState


class MemoryOriginStates:
    """OriginStates in memory."""

    def __init__(self) -> None:
        self._state: RoutingState | None = None
        self._memory: bytes | None = None
        self._lock = threading.Lock()

    def read(self) -> RoutingState | None:
        """The state; None where there never was one."""
        return self._state

    def replace(self, state: RoutingState) -> bool:
        """Store it if it follows what is there."""
        with self._lock:
            if not state.follows(self._state):
                return False
            self._state = state
            return True

    def read_memory(self) -> bytes | None:
        """What the probe wrote last."""
        return self._memory

    def write_memory(self, data: bytes) -> None:
        """Replace it."""
        self._memory = data
