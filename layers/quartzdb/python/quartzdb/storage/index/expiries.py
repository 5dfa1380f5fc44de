"""Which rows of a segment expire when, from its field index; and of a reader's live rows those that have not.

A segment without rows that expire is never asked: it has no `expires_from_ms`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quartzdb.domain.expiry import EXPIRY_FIELD
from quartzdb.domain.limits import TIME_MS_MAX
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.fields.field_index import FieldIndex
from quartzdb.storage.index.fields.field_order import UNRANKED

Moments = npt.NDArray[np.int64]
Steps = tuple[tuple[int, int], ...]
"""(moment in unix ms, how many rows have expired by then), both ascending; none for none."""

STEPS_MAX = 17


@dataclass(frozen=True, slots=True, eq=False)
class Expiries:
    """`rows` (m,) that expire, in the order of their `moments` (m,), which are unix ms. Nobody writes to them."""

    rows: Rows
    moments: Moments

    def expired(self, now_ms: int) -> Rows:
        """The rows whose moment has come."""
        return self.rows[: self.count(now_ms)]

    def count(self, now_ms: int) -> int:
        """How many they are."""
        return int(np.searchsorted(self.moments, now_ms, side="right"))

    def by_row(self, row_count: int) -> Moments:
        """The moment of each row (n,); 0 for none."""
        moments = np.zeros(row_count, dtype=np.int64)
        moments[self.rows] = self.moments
        return moments


NO_EXPIRIES = Expiries(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def expiries_of(fields: FieldIndex) -> Expiries:
    """Of all rows of a field index."""
    order = fields.order(EXPIRY_FIELD)
    rows = np.flatnonzero(order.ranks != UNRANKED)
    if not rows.size:
        return NO_EXPIRIES
    numbers = order.keys.numbers()[order.ranks[rows]]
    # What is no whole number an earlier release let a client store there.
    meant = (numbers > 0) & (numbers <= TIME_MS_MAX) & (numbers == np.floor(numbers))
    rows, moments = rows[meant], numbers[meant].astype(np.int64)
    in_order = moments.argsort(kind="stable")
    return Expiries(rows[in_order], moments[in_order])


def steps_of(moments: Sequence[int] | Moments) -> Steps:
    """What a manifest says of the moments in a segment: the first of them, and then of each sixteenth the last."""
    ordered = np.sort(np.asarray(moments, dtype=np.int64))
    count = len(ordered)
    if not count:
        return ()
    ends = sorted({1, *(-(-count * part // (STEPS_MAX - 1)) for part in range(1, STEPS_MAX))})
    steps = {
        int(ordered[end - 1]): int(np.searchsorted(ordered, ordered[end - 1], side="right")) for end in ends
    }
    return tuple(sorted(steps.items()))


def expired_at_least(steps: Steps, now_ms: int) -> int:
    """How many rows have expired for certain; up to a sixteenth of those that expire may have, too."""
    return max((rows for moment, rows in steps if moment <= now_ms), default=0)


class UnexpiredRows:
    """Of one segment in one reader. Gives the same mask again until a row in it dies or expires: what was remembered
    by the mask stays good as long as that.
    """

    def __init__(self) -> None:
        self._alive: Mask | None = None
        self._unexpired: Mask | None = None
        self._expired = 0
        self._count = 0

    def of(
        self, expiries: Expiries, alive: Mask, alive_count: int, now_ms: int
    ) -> tuple[Mask, int, int | None]:
        """The live rows that have not expired, how many, and when the next expires in unix ms; None for never."""
        expired = expiries.count(now_ms)
        known = self._unexpired if self._alive is alive and expired >= self._expired else None
        begin = 0 if known is None else self._expired
        mask, count = (alive, alive_count) if known is None else (known, self._count)
        fresh = expiries.rows[begin:expired]
        dying = int(np.count_nonzero(mask[fresh]))
        if dying:
            mask = mask.copy()
            mask[fresh] = False
            mask.flags.writeable = False
            count -= dying
        self._alive, self._unexpired, self._expired, self._count = alive, mask, expired, count
        following = int(expiries.moments[expired]) if expired < len(expiries.moments) else None
        return mask, count, following
