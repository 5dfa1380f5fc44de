"""What is known of how far two sites are apart. Pure: checkpoints and a time in, milliseconds out.

Zero means: whatever was acknowledged at either site more than `allowance_ms` before the time that is asked for is at
both, for clocks that differ by no more than CLOCK_ERROR_MAX_MS.
"""

from __future__ import annotations

from collections.abc import Mapping

from quartzdb.replication.ports import Checkpoint, Direction
from quartzdb.storage.log.protocol import CLOCK_ERROR_MAX_MS

ALLOWANCE_MS = 15_000
"""What lies between a write and its arrival when nothing is wrong: feeds hold back what may still be overtaken, some
seconds, and the driver comes by every few."""


def lag_ms(
    checkpoints: Mapping[Direction, Checkpoint],
    listed_ms: int,
    at_ms: int,
    *,
    allowance_ms: int = ALLOWANCE_MS,
) -> int | None:
    """The lag at a time (unix ms) of the directions given: those of all shared namespaces as of `listed_ms`.

    None: not known, because some direction was never through its feed. Never zero while anything is pending or fails.
    """
    through_ms = [listed_ms, *(checkpoint.through_ms for checkpoint in checkpoints.values())]
    if not checkpoints or 0 in through_ms:
        return None
    behind_ms = max(0, at_ms - allowance_ms + CLOCK_ERROR_MAX_MS - min(through_ms))
    troubled = any(checkpoint.pending or checkpoint.error for checkpoint in checkpoints.values())
    return max(behind_ms, 1) if troubled else behind_ms
