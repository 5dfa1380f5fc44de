"""Checkpoints of one driver: each read and write takes time, may fail, and is a place to crash at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from quartzdb.domain.errors import Unavailable
from quartzdb.replication.ports import Checkpoint, Checkpoints, Direction, RepairState, SharedPart
from tests.simulation.link import Line
from tests.simulation.world import World

T = TypeVar("T")


class UnreliableCheckpoints:
    """Checkpoints. A write that fails may have been stored all the same."""

    def __init__(self, world: World, shared: Checkpoints, line: Line) -> None:
        self._world = world
        self._shared = shared
        self._line = line

    def read(self, direction: Direction) -> Checkpoint | None:
        """As the port says."""
        return self._asked(lambda: self._shared.read(direction))

    def write(self, direction: Direction, checkpoint: Checkpoint) -> None:
        """As the port says."""
        self._asked(lambda: self._shared.write(direction, checkpoint))

    def forget(self, direction: Direction) -> None:
        """As the port says."""
        self._asked(lambda: self._shared.forget(direction))

    def all_checkpoints(self) -> Mapping[Direction, Checkpoint]:
        """As the port says."""
        return self._asked(self._shared.all_checkpoints)

    def read_repair(self, outbound: Direction) -> RepairState | None:
        """As the port says."""
        return self._asked(lambda: self._shared.read_repair(outbound))

    def write_repair(self, outbound: Direction, state: RepairState) -> None:
        """As the port says."""
        self._asked(lambda: self._shared.write_repair(outbound, state))

    def repairs(self) -> Mapping[Direction, RepairState]:
        """As the port says."""
        return self._asked(self._shared.repairs)

    def listed_ms(self, peer: str) -> int:
        """As the port says."""
        return self._asked(lambda: self._shared.listed_ms(peer))

    def mark_listed(self, peer: str, at_ms: int) -> None:
        """As the port says."""
        self._asked(lambda: self._shared.mark_listed(peer, at_ms))

    def note_peer(self, peer: str, part: SharedPart) -> None:
        """As the port says."""
        self._asked(lambda: self._shared.note_peer(peer, part))

    def peers(self) -> Mapping[str, SharedPart]:
        """As the port says."""
        return self._asked(self._shared.peers)

    def _asked(self, ask: Callable[[], T]) -> T:
        chance = self._world.random
        self._world.step(chance.expovariate(1 / 0.005))
        answer = ask()
        if chance.random() < 0.01 and not self._line.mended:
            raise Unavailable("the checkpoints' answer was lost")
        return answer
