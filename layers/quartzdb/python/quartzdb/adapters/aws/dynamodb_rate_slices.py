"""Slices of rates in DynamoDB. Owns the partitions `RATE#`: an item for each name, dropped once it is idle.

A lease is one conditional update that any number of instances can make side by side: it adds to the theoretical
arrival time where that leaves room, so nobody's lease is in the way of another's. What is remembered of the last one
chooses the condition; where it does not hold, the answer has what is there, and the second update fits.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from quartzdb.adapters.aws.dynamodb_table import DynamoTable
from quartzdb.adapters.aws.dynamodb_values import Attributes, number_of
from quartzdb.domain.errors import Unavailable
from quartzdb.domain.gcra import Leased, Rate, begin, lease

_SK = "rate"
_ATTEMPTS_MAX = 8
_REMEMBERED_MAX = 10_000
_KEPT_SECONDS = 3_600
"""An item that was not used for so long is dropped."""


class DynamoRateSlices:
    """RateSlices over a DynamoTable. Thread-safe."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def lease(self, name: str, rate: Rate, least: int, most: int, now_ms: int) -> Leased:
        """Up to `most` requests. One request where what was seen last still says what is there. Raises Unavailable."""
        now_ns = now_ms * 1_000_000
        with self._lock:
            tat_ns = self._seen.get(name)
        remembered = tat_ns is not None
        for _ in range(_ATTEMPTS_MAX):
            leased, wanted_ns = lease(tat_ns, now_ns, rate, least, most)
            if wanted_ns is None and not remembered:
                return leased
            if wanted_ns is None:
                # What is remembered leaves no room, and may be wrong: the clock that wrote it may have been.
                leased, wanted_ns = Leased(least, 0), begin(tat_ns, now_ns, rate) + least * rate.interval_ns
            count_ns = leased.requests * rate.interval_ns
            change, condition, values = _update(tat_ns, now_ns, rate, count_ns, wanted_ns)
            adjusted = self._table.adjust(f"RATE#{name}", _SK, change, condition, values)
            there_ns = None if adjusted.item is None else number_of(adjusted.item, "tat_ns")
            if there_ns is not None:
                self._remember(name, there_ns)
            if adjusted.done:
                assert there_ns is not None
                room = (now_ns + rate.tolerance_ns - there_ns) // rate.interval_ns
                return leased._replace(room=max(0, room))
            tat_ns, remembered = there_ns, False
        raise Unavailable("The rate is being counted by too many at once.", hint="Try again in a moment.")

    def _remember(self, name: str, tat_ns: int) -> None:
        with self._lock:
            self._seen[name] = tat_ns
            self._seen.move_to_end(name)
            while len(self._seen) > _REMEMBERED_MAX:
                self._seen.popitem(last=False)


def _update(
    tat_ns: int | None, now_ns: int, rate: Rate, count_ns: int, wanted_ns: int
) -> tuple[str, str, Attributes]:
    """The update, its condition and their values, for what is there as far as is known."""
    common: Attributes = {"drop": (now_ns + rate.tolerance_ns) // 1_000_000_000 + _KEPT_SECONDS}
    dropped = "#expires_at = :drop"
    if tat_ns is None or tat_ns <= now_ns:
        # Not used for a while: counted from now.
        return (
            f"SET #tat_ns = :wanted, {dropped}",
            "attribute_not_exists(#tat_ns) OR #tat_ns <= :now",
            {**common, "wanted": now_ns + count_ns, "now": now_ns},
        )
    if begin(tat_ns, now_ns, rate) != tat_ns:
        # Too far ahead: counted anew, by whoever sees it first.
        return (
            f"SET #tat_ns = :wanted, {dropped}",
            "#tat_ns = :seen",
            {**common, "wanted": wanted_ns, "seen": tat_ns},
        )
    return (
        f"SET #tat_ns = #tat_ns + :count, {dropped}",
        "#tat_ns > :now AND #tat_ns <= :latest",
        {**common, "count": count_ns, "now": now_ns, "latest": now_ns + rate.tolerance_ns - count_ns},
    )
