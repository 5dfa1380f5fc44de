"""The log's time bounds: what makes an acknowledged write visible to every later strongly consistent read.

A writer that is not answered within ACKNOWLEDGE_WITHIN of its stamp appends again under a fresh stamp, so an
acknowledged entry landed at most ACKNOWLEDGE_WITHIN + clock error after its stamp. A reader that has seen a stamp
OVERLAP later did so after that moment. So a reader that asks again for the last OVERLAP before the highest stamp it has
seen misses nothing. HAZARD: that holds for clock errors up to CLOCK_ERROR_MAX_MS, which NTP keeps by a wide margin.
"""

from quartzdb.domain.clock import Clock
from quartzdb.domain.hlc import COUNTER_BITS, Version
from quartzdb.storage.ports import ChangeLog

OVERLAP_MS = 2_000
ACKNOWLEDGE_WITHIN_MS = OVERLAP_MS // 2
CLOCK_ERROR_MAX_MS = OVERLAP_MS // 4

MARGIN_MS = 30_000
"""How far before the watermark a reader begins its tail: finds puts that landed after their writer gave up."""

OVERLAP = OVERLAP_MS << COUNTER_BITS
MARGIN = MARGIN_MS << COUNTER_BITS
"""The same in stamp units."""


def answered_in_time(clock: Clock, version: Version, begun: float) -> bool:
    """Whether a put under a version, begun then (monotonic seconds), was answered soon enough after its stamp.

    By both clocks, because a suspended machine stops the monotonic one and a correction may move the other back.
    """
    waited_ms = (clock.monotonic() - begun) * 1000
    return max(waited_ms, clock.unix_ms() - version.milliseconds) <= ACKNOWLEDGE_WITHIN_MS


def overlap_of(log: ChangeLog) -> int:
    """How far behind the highest stamp seen an entry may still appear, in stamp units: nothing in an ordered log."""
    return 0 if log.ordered else OVERLAP


def margin_of(log: ChangeLog) -> int:
    """How far before a watermark the log must still be there and is read, in stamp units: nothing in an ordered log."""
    return 0 if log.ordered else MARGIN
