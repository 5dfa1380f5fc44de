"""The routing state in memory: what OriginStates are, in their shortest form."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from quartzdb.routing.decision.state import RoutingState


class MemoryOriginStates:
    """OriginStates in memory."""

    def __init__(self) -> None:
        self._state: RoutingState | None = None
        self._memory: bytes | None = None
        self._histories: dict[str, bytes] = {}
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

    def read_history(self, name: str) -> bytes | None:
        """What is kept under that name."""
        return self._histories.get(name)

    def write_history(self, name: str, data: bytes) -> None:
        """Replace it."""
        self._histories[name] = data

    def delete_history(self, name: str) -> None:
        """Forget it."""
        self._histories.pop(name, None)

    def histories(self) -> Mapping[str, bytes]:
        """All that is kept."""
        return dict(self._histories)
