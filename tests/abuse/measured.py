"""Scenarios in a process of their own, so that its memory is theirs alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

MB = 1024 * 1024


@dataclass(frozen=True)
class Measured:
    """What an act gave, how far memory rose above what it was before, and the processor's time for it."""

    result: Any
    rise_bytes: int
    cpu_seconds: float


def measured(prepare: Callable[..., Callable[[], Any]], *arguments: Any) -> Measured:
    """Prepare a scenario in a new process, and measure what it then does."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_measure, prepare, arguments).result()


def _measure(prepare: Callable[..., Callable[[], Any]], arguments: tuple[Any, ...]) -> Measured:
    act = prepare(*arguments)
    # The highest so far would hide what comes: forget it, where this system can (proc(5), clear_refs).
    Path("/proc/self/clear_refs").write_text("5")
    before, begun = _status_bytes("VmRSS"), time.process_time()
    result = act()
    seconds = time.process_time() - begun
    return Measured(result, _status_bytes("VmHWM") - before, seconds)


def _status_bytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"/proc/self/status has no {field}")
