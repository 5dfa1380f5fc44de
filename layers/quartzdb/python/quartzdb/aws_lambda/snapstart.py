"""What must not be shared by instances that were restored from one snapshot, and how it is renewed; and what they
should share: all that the first request would prepare.

With SnapStart, Lambda copies the memory of one initialised instance to all others. Names, random states and whatever
was true at the time of the snapshot would then be everybody's.
"""

from __future__ import annotations

import random
from collections.abc import Callable


def before_snapshot(prepare: Callable[[], None]) -> None:
    """Have `prepare` called once, after init and before memory is copied. Without snapshots it is never called: whoever
    starts by importing is not made to wait for more.
    """
    try:
        from snapshot_restore_py import register_before_snapshot
    except ModuleNotFoundError:
        return
    register_before_snapshot(prepare)


def after_restore(renew: Callable[[], None]) -> None:
    """Have `renew` called in each restored instance before its first request.

    The runtime brings the package; where it is missing there are no snapshots either.
    """
    try:
        from snapshot_restore_py import register_after_restore
    except ModuleNotFoundError:
        return
    register_after_restore(renew)


def reseed() -> None:
    """Give the shared generator a state of its own: retries are spread by it, and copies would all retry at once."""
    random.seed()
