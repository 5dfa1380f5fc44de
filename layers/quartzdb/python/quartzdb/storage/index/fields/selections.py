"""Selections: which live rows of one segment a filter accepts, and those of recent filters, remembered.

A segment never changes, so what a filter selects changes only with the rows that are alive. Masks that are handed out
cannot be written to: whoever derives something from one may remember it by the mask itself.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np

from quartzdb.domain.filter import Filter
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.fields.field_index import FieldIndex
from quartzdb.storage.index.fields.filter_digest import digest
from quartzdb.storage.index.fields.filtering import evaluate

LISTED_MAX = 4_096
"""Up to so many rows are listed by number, since scoring them all costs less than any index."""
REMEMBERED_BYTES_PER_ROW = 8
REMEMBERED_BYTES_MIN = 1 << 20
"""How much is remembered: eight masks of a segment, or the rows of many selective filters."""
_ENTRY_BYTES = 300


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """`matches` rows: in ascending order where they are few, or else as a mask. Neither can be written to."""

    matches: int
    rows: Rows | None = None
    mask: Mask | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes in memory."""
        return sum(part.nbytes for part in (self.rows, self.mask) if part is not None) + _ENTRY_BYTES


class Selections:
    """Of one segment. Thread-safe; the least recently used are forgotten first."""

    def __init__(self, fields: FieldIndex, *, bytes_max: int | None = None) -> None:
        self._fields = fields
        if bytes_max is None:
            bytes_max = max(REMEMBERED_BYTES_MIN, REMEMBERED_BYTES_PER_ROW * fields.row_count)
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: OrderedDict[bytes, tuple[Mask, Selection]] = OrderedDict()
        self._lock = Lock()
        # Whoever asks again with the same filter object is answered without its name, which takes as long as the rest.
        self._latest: tuple[Filter, Mask, Selection] | None = None

    @property
    def resident_bytes(self) -> int:
        """What is remembered now."""
        return self._bytes

    def of(self, condition: Filter, alive: Mask, alive_count: int) -> Selection:
        """What the filter accepts of these live rows. `alive` is never written to again."""
        latest = self._latest
        if latest is not None and latest[0] is condition and latest[1] is alive:
            return latest[2]
        name = digest(condition)
        with self._lock:
            known = self._kept.get(name)
            if known is not None and known[0] is alive:
                self._kept.move_to_end(name)
                self._latest = condition, alive, known[1]
                return known[1]
        selection = self._evaluated(condition, alive, alive_count)
        self._keep(name, alive, selection)
        return selection

    def _evaluated(self, condition: Filter, alive: Mask, alive_count: int) -> Selection:
        mask = evaluate(condition, self._fields)
        if alive_count < len(alive):
            mask &= alive
        matches = int(np.count_nonzero(mask))
        if matches <= LISTED_MAX:
            rows = np.flatnonzero(mask)
            rows.flags.writeable = False
            return Selection(matches, rows=rows)
        mask.flags.writeable = False
        return Selection(matches, mask=mask)

    def _keep(self, name: bytes, alive: Mask, selection: Selection) -> None:
        weight = selection.size_bytes
        if weight > self._bytes_max:
            return
        with self._lock:
            replaced = self._kept.pop(name, None)
            if replaced is not None:
                self._bytes -= replaced[1].size_bytes
            self._kept[name] = alive, selection
            self._bytes += weight
            while self._bytes > self._bytes_max:
                _, (_, forgotten) = self._kept.popitem(last=False)
                self._bytes -= forgotten.size_bytes
