"""Checkpoints in memory: what Checkpoints are, in their shortest form. Nothing survives the process."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from quartzdb.replication.ports import Checkpoint, Direction, RepairState, SharedPart


class MemoryCheckpoints:
    """Checkpoints in memory."""

    def __init__(self) -> None:
        self._checkpoints: dict[Direction, Checkpoint] = {}
        self._repairs: dict[Direction, RepairState] = {}
        self._listed: dict[str, int] = {}
        self._peers: dict[str, SharedPart] = {}
        self._lock = threading.Lock()

    def read(self, direction: Direction) -> Checkpoint | None:
        """None where it never ran."""
        with self._lock:
            return self._checkpoints.get(direction)

    def write(self, direction: Direction, checkpoint: Checkpoint) -> None:
        """Replace it."""
        with self._lock:
            self._checkpoints[direction] = checkpoint

    def forget(self, direction: Direction) -> None:
        """Drop its checkpoint and its repair."""
        with self._lock:
            self._checkpoints.pop(direction, None)
            self._repairs.pop(direction, None)

    def all_checkpoints(self) -> Mapping[Direction, Checkpoint]:
        """All of them."""
        with self._lock:
            return dict(self._checkpoints)

    def read_repair(self, outbound: Direction) -> RepairState | None:
        """The repair of a feed."""
        with self._lock:
            return self._repairs.get(outbound)

    def write_repair(self, outbound: Direction, state: RepairState) -> None:
        """Replace it."""
        with self._lock:
            self._repairs[outbound] = state

    def repairs(self) -> Mapping[Direction, RepairState]:
        """All of them."""
        with self._lock:
            return dict(self._repairs)

    def listed_ms(self, peer: str) -> int:
        """As of when the directions are complete."""
        with self._lock:
            return self._listed.get(peer, 0)

    def mark_listed(self, peer: str, at_ms: int) -> None:
        """The directions of all namespaces that were shared then are written."""
        with self._lock:
            self._listed[peer] = at_ms

    def note_peer(self, peer: str, part: SharedPart) -> None:
        """What is shared with the peer from now on."""
        with self._lock:
            self._peers[peer] = part

    def peers(self) -> Mapping[str, SharedPart]:
        """What was noted of each."""
        with self._lock:
            return dict(self._peers)
