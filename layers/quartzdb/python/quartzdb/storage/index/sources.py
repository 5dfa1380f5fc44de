"""The sources of a view: its segments, and the tail. A record is a row of one of them.

What listings, pages of queries and groups have in common: which rows match, their ids, and the first of them by id.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.filter import Filter
from quartzdb.domain.record import ShownRecord
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Rows
from quartzdb.storage.index.fields.field_order import FieldOrder, Occurrences
from quartzdb.storage.index.hits import Shown, shown_of_segment, shown_of_tail
from quartzdb.storage.index.view import Part, View

READ_MAX = 4_096
"""The ids of so many rows are read and sorted sooner than all ids are ranked."""
WALKED_SHARE_MIN = 1 / 32
"""From this share of rows on, walking along the ids meets them sooner than all ids are ranked."""
_WALKED_AT_ONCE = 512


class RowSource(Protocol):
    """Some rows in which each id is once: those of a segment, or of the tail."""

    def matching(self, condition: Filter | None) -> Rows: ...

    def order(self, path: str) -> FieldOrder: ...

    def occurrences(self, path: str) -> Sequence[Occurrences]: ...

    def ids(self, rows: Rows) -> dict[int, str]: ...

    def first_by_id(self, rows: Rows, after: str | None, limit: int, *, descending: bool) -> list[int]: ...

    def shown(self, rows: list[int], shown: Shown) -> dict[int, ShownRecord]: ...


def sources_of(view: View) -> Sequence[RowSource]:
    """Segments by their number, then the tail, where it has live rows."""
    parts: list[RowSource] = [SegmentRows(part) for part in view.parts]
    return [*parts, TailRows(view)] if view.tail.alive_count else parts


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRows:
    """The rows of a segment."""

    part: Part

    def matching(self, condition: Filter | None) -> Rows:
        if condition is None:
            return np.flatnonzero(self.part.alive)
        selection = self.part.selected(condition)
        if selection.rows is not None:
            return selection.rows
        assert selection.mask is not None
        return np.flatnonzero(selection.mask)

    def order(self, path: str) -> FieldOrder:
        return self.part.segment.records.fields.order(path)

    def occurrences(self, path: str) -> Sequence[Occurrences]:
        return self.part.segment.records.fields.occurrences(path)

    def ids(self, rows: Rows) -> dict[int, str]:
        return self.part.segment.records.ids_at(rows.tolist())

    def first_by_id(self, rows: Rows, after: str | None, limit: int, *, descending: bool) -> list[int]:
        if not rows.size or limit <= 0:
            return []
        if rows.size <= READ_MAX:
            return _first_ids(self.ids(rows), after, limit, descending=descending)
        if rows.size >= WALKED_SHARE_MIN * len(self.part.alive):
            return self._walked(rows, after, limit, descending=descending)
        return self._ranked(rows, after, limit, descending=descending)

    def shown(self, rows: list[int], shown: Shown) -> dict[int, ShownRecord]:
        return shown_of_segment(self.part, rows, shown)

    def _walked(self, rows: Rows, after: str | None, limit: int, *, descending: bool) -> list[int]:
        wanted = np.zeros(len(self.part.alive), dtype=np.bool_)
        wanted[rows] = True
        chosen: list[int] = []
        for row in self._along_ids(after, descending=descending):
            if wanted[row]:
                chosen.append(row)
                if len(chosen) == limit:
                    break
        return chosen

    def _along_ids(self, after: str | None, *, descending: bool) -> Iterator[int]:
        beyond = partial(self.part.segment.records.ids_beyond, descending=descending)
        while block := beyond(after, _WALKED_AT_ONCE):
            check_deadline()
            yield from (row for _, row in block)
            after = block[-1][0]

    def _ranked(self, rows: Rows, after: str | None, limit: int, *, descending: bool) -> list[int]:
        records = self.part.segment.records
        all_ranks = records.id_ranks()
        ranks = all_ranks[rows]
        if after is not None:
            following = records.ids_beyond(after, 1, descending=descending)
            if not following:
                return []
            boundary = all_ranks[following[0][1]]
            beyond = ranks <= boundary if descending else ranks >= boundary
            rows, ranks = rows[beyond], ranks[beyond]
        if rows.size > limit:
            kept = np.argpartition(np.iinfo(ranks.dtype).max - ranks if descending else ranks, limit - 1)
            rows = rows[kept[:limit]]
        return list(rows.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class TailRows:
    """The rows of the tail."""

    view: View

    def matching(self, condition: Filter | None) -> Rows:
        return np.flatnonzero(self.view.tail_matching(condition))

    def order(self, path: str) -> FieldOrder:
        return self.view.tail_fields.order(path)

    def occurrences(self, path: str) -> Sequence[Occurrences]:
        return self.view.tail_fields.occurrences(path)

    def ids(self, rows: Rows) -> dict[int, str]:
        ids = self.view.tail.ids
        return {row: ids[row] for row in rows.tolist()}

    def first_by_id(self, rows: Rows, after: str | None, limit: int, *, descending: bool) -> list[int]:
        return _first_ids(self.ids(rows), after, limit, descending=descending)

    def shown(self, rows: list[int], shown: Shown) -> dict[int, ShownRecord]:
        return shown_of_tail(self.view, rows, shown)


def _first_ids(ids: dict[int, str], after: str | None, limit: int, *, descending: bool) -> list[int]:
    """The rows of the first ids after one."""
    beyond = [
        (record_id, row)
        for row, record_id in ids.items()
        if after is None or (record_id < after if descending else record_id > after)
    ]
    beyond.sort(reverse=descending)
    return [row for _, row in beyond[: max(0, limit)]]
