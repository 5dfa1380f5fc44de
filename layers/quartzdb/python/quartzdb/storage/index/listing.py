"""Listing the records of a view in an order: a page begins after a place, so what it costs does not grow with the pages
before it.

Of each segment, and of the tail, the first matching rows are found by arithmetic over their ranks; ids are read only of
those, and of rows that are equal where the page ends. Records are read of the page alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.filter import Filter
from quartzdb.domain.order import BY_ID, Order, OrderPlace
from quartzdb.domain.record import ListedRecord, ShownRecord, metadata_of
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.fields.field_order import UNRANKED, FieldOrder, Ranks
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.sources import RowSource, sources_of
from quartzdb.storage.index.view import View

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A record of a listing with its metadata as an object, and its place there."""

    place: OrderPlace
    record: ListedRecord


def first_in_order(
    items: Sequence[Item], order: Order, place_of: Callable[[Item], OrderPlace], limit: int
) -> list[Item]:
    """The first of some items in the order of their places."""
    by_id = sorted(
        items, key=lambda item: place_of(item).id, reverse=order.descending and order.field is None
    )
    keyed = [(key, item) for item in by_id if (key := place_of(item).key) is not None]
    # Python keeps the order of equals, also in reverse.
    keyed.sort(key=lambda pair: pair[0], reverse=order.descending)
    keyless = [item for item in by_id if place_of(item).key is None]
    return [*(item for _, item in keyed), *keyless][:limit]


def list_records(
    view: View, condition: Filter | None, order: Order, after: OrderPlace | None, limit: int, shown: Shown
) -> tuple[list[Listed], bool]:
    """The first `limit` live records after a place that the filter accepts, in order, and whether there are more.

    Raises AnswerTooLarge, DeadlineExceeded.
    """
    sources = sources_of(view)
    found: list[tuple[OrderPlace, int, int]] = []
    for number, source in enumerate(sources):
        check_deadline()
        found += [
            (place, number, row) for place, row in _first_of(source, condition, order, after, limit + 1)
        ]
    page = first_in_order(found, order, _place, limit)
    rows_of: dict[int, list[int]] = {}
    for _, number, row in page:
        rows_of.setdefault(number, []).append(row)
    records = {number: sources[number].shown(rows, shown) for number, rows in rows_of.items()}
    listed = [Listed(place, _decoded(records[number][row])) for place, number, row in page]
    return listed, len(found) > limit


def matching_ids(view: View, condition: Filter, after: str | None, limit: int) -> list[str]:
    """The first `limit` ids of live records after an id that the filter accepts, in order. Raises DeadlineExceeded."""
    begin = None if after is None else OrderPlace(None, after)
    found: list[str] = []
    for source in sources_of(view):
        check_deadline()
        found += [place.id for place, _ in _first_of(source, condition, BY_ID, begin, limit)]
    return sorted(found)[:limit]


def _decoded(record: ShownRecord) -> ListedRecord:
    record_id, version, vector, metadata, expires_at_ms = record
    # Which fields of it are shown is chosen later.
    return record_id, version, vector, metadata_of(metadata), expires_at_ms


def _place(found: tuple[OrderPlace, int, int]) -> OrderPlace:
    return found[0]


def _first_of(
    source: RowSource, condition: Filter | None, order: Order, after: OrderPlace | None, limit: int
) -> list[tuple[OrderPlace, int]]:
    """The places and rows of the first records of one source, in no particular order."""
    rows = source.matching(condition)
    if order.field is None:
        chosen = source.first_by_id(
            rows, None if after is None else after.id, limit, descending=order.descending
        )
        ids = source.ids(np.array(chosen, dtype=np.int64))
        return [(OrderPlace(None, ids[row]), row) for row in chosen]
    field = source.order(order.field)
    ranks = field.ranks[rows]
    chosen = []
    if after is not None:
        tied, beyond = _split(ranks, field, order, after)
        chosen = source.first_by_id(rows[tied], after.id, limit, descending=False)
        rows, ranks = rows[beyond], ranks[beyond]
    chosen += _first_by_rank(source, rows, _forward(ranks, order), limit - len(chosen))
    places = np.array(chosen, dtype=np.int64)
    ids, of_rows = source.ids(places), field.ranks[places].tolist()
    ranked = sorted({rank for rank in of_rows if rank != UNRANKED})
    keys = dict(zip(ranked, field.keys.at(ranked), strict=True))
    return [(OrderPlace(keys.get(rank), ids[row]), row) for row, rank in zip(chosen, of_rows, strict=True)]


def _split(ranks: Ranks, field: FieldOrder, order: Order, after: OrderPlace) -> tuple[Mask, Mask]:
    """Which rows have the key of a place, and which come after all that have it."""
    if after.key is None:
        return ranks == UNRANKED, np.zeros(len(ranks), dtype=np.bool_)
    rank = field.keys.rank(after.key)
    # Where the key itself is not here, its rank is that of the next greater one.
    there = bool((ranks == rank).any()) and field.keys.at([rank]) == [after.key]
    tied = ranks == rank if there else np.zeros(len(ranks), dtype=np.bool_)
    if order.descending:
        return tied, (ranks < rank) | (ranks == UNRANKED)
    return tied, (ranks > rank) if there else (ranks >= rank)


def _forward(ranks: Ranks, order: Order) -> Ranks:
    """Ranks that rise along the order; rows without one stay last."""
    if not order.descending:
        return ranks
    return np.where(ranks == UNRANKED, UNRANKED, np.uint32(UNRANKED - 1) - ranks).astype(np.uint32)


def _first_by_rank(source: RowSource, rows: Rows, ranks: Ranks, limit: int) -> list[int]:
    """The first rows by rank, equals by id; in no particular order."""
    if limit <= 0:
        return []
    if len(rows) <= limit:
        return list(rows.tolist())
    last = np.partition(ranks, limit - 1)[limit - 1]
    before = rows[ranks < last].tolist()
    tied = source.first_by_id(rows[ranks == last], None, limit - len(before), descending=False)
    return [*before, *tied]
