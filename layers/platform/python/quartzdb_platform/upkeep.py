"""The scheduled pass of the platform: what is due of its steps is done, each once in its interval by whichever
process is first. A step that fails is told in the log and tried again in its next interval; the others have their turn.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quartzdb.domain.clock import Clock
from quartzdb.domain.errors import QuartzError
from quartzdb_platform.ports import DocumentTable, Put

logger = logging.getLogger(__name__)
PASS_SECONDS = 15.0
"""How often a server looks for what is due."""
_PK = "UPKEEP"


@dataclass(frozen=True, slots=True)
class Step:
    """`run` is given the present time in unix milliseconds. It is safe to repeat, and may be cut off anywhere."""

    name: str
    every_seconds: int
    run: Callable[[int], object]


class Upkeep:
    """Any number of processes may have the same steps over the same table."""

    def __init__(self, table: DocumentTable, clock: Clock, steps: Sequence[Step]) -> None:
        self._table = table
        self._clock = clock
        self.steps = tuple(steps)

    def run_due(self, failed: Callable[[str], None] = lambda _: None) -> Sequence[str]:
        """Do what is due; the names of the steps that were done. `failed` is told of each that was not. Raises
        Unavailable where what is due cannot be found out.
        """
        done = []
        for step in self.steps:
            now_ms = self._clock.unix_ms()
            if not self._taken(step, now_ms):
                continue
            try:
                step.run(now_ms)
            except QuartzError as error:
                logger.error("upkeep: %s failed: %s", step.name, error)
                failed(step.name)
            except Exception:
                # Whatever is wrong with one step, the others have their turn, and so has this one again.
                logger.exception("upkeep: %s failed", step.name)
                failed(step.name)
            else:
                done.append(step.name)
        return done

    def _taken(self, step: Step, now_ms: int) -> bool:
        found = self._table.get(_PK, step.name)
        # A time that lies ahead was written by a clock that was wrong: it must not keep the step waiting.
        if found is not None and 0 <= now_ms - found.body["at_ms"] < step.every_seconds * 1_000:
            return False
        revision = None if found is None else found.revision
        return self._table.transact([Put(_PK, step.name, {"at_ms": now_ms}, revision)])


class UpkeepThread:
    """Runs what is due in the background of a server, until it is stopped."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quartzdb-upkeep", daemon=True)

    def start(self) -> None:
        """Once."""
        self._thread.start()

    def stop(self) -> None:
        """No step begins any more; one that runs is waited for."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(PASS_SECONDS):
            try:
                self._upkeep.run_due()
            except QuartzError as error:
                logger.error("upkeep: %s", error)
