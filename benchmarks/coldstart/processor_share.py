"""A share of a processor, as Lambda gives it by memory: a whole one at 1,769 MB. Needs a group of processes of its own,
which the administrator of a machine (or of a container with its groups writable) may make.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WHOLE_AT_MB = 1_769
PERIOD_MICROSECONDS = 20_000
"""Lambda's own, as its customers have found it: who has used up its share waits for the next one."""
_ROOT = Path("/sys/fs/cgroup")


def share_of(memory_mb: int) -> float:
    """Of a processor, for a function with so much memory; more than a whole one is taken for one."""
    return min(1.0, memory_mb / WHOLE_AT_MB)


@contextmanager
def limited(process: int, share: float) -> Iterator[None]:
    """While this lasts, the process has no more than this share, and that before others. Raises OSError where it cannot
    be had.
    """
    quota = round(share * PERIOD_MICROSECONDS)
    name = f"quartzdb-bench-{secrets.token_hex(4)}"
    separate = (_ROOT / "cpu").is_dir()
    group = (_ROOT / "cpu" if separate else _ROOT) / name
    group.mkdir()
    try:
        if separate:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_MICROSECONDS))
            (group / "cpu.cfs_quota_us").write_text(str(quota))
            (group / "cpu.shares").write_text("262144")
        else:
            (group / "cpu.max").write_text(f"{quota} {PERIOD_MICROSECONDS}")
            (group / "cpu.weight").write_text("10000")
        (group / "cgroup.procs").write_text(str(process))
        yield
    finally:
        # What is still in it goes back, or it could not be removed.
        for left in (group / "cgroup.procs").read_text().split():
            (group.parent / "cgroup.procs").write_text(left)
        os.rmdir(group)
