"""In the place of what Lambda's runtime brings where there are snapshots: has everything prepared at once, at init, so
that what comes after is as after a restoration. Only the measurement of cold functions puts it into the path.
"""

from __future__ import annotations

from collections.abc import Callable


def register_before_snapshot(prepare: Callable[[], None]) -> None:
    """Call it: init is what a snapshot would be taken of."""
    prepare()


def register_after_restore(renew: Callable[[], None]) -> None:
    """Call it: as if this were a copy."""
    renew()
