"""The use case of listing records: a page of those that match, by id or by a metadata field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from quartzdb.domain.cursor import decode_cursor, encode_cursor
from quartzdb.domain.order import BY_ID, Order, OrderPlace, check_order
from quartzdb.domain.record import ListedRecord
from quartzdb.domain.values import dataclass
from quartzdb.services.consistency import STRONG, Consistency
from quartzdb.services.page import Page, check_limit
from quartzdb.services.shard_reads import ShardReads
from quartzdb.storage.index.fields.filter_digest import digest
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.listing import Listed, first_in_order, list_records

if TYPE_CHECKING:
    from quartzdb.domain.answer_budget import AnswerBudget
    from quartzdb.domain.filter import Filter
    from quartzdb.domain.namespace import Namespace


@dataclass(frozen=True, slots=True, eq=False)
class ListRequest:
    """Which records, in which order, and what of each. `budget`: what their metadata is taken from."""

    condition: Filter | None = None
    order: Order = BY_ID
    cursor: str | None = None
    limit: int = 100
    include_vectors: bool = False
    include_metadata: bool = True
    consistency: Consistency = STRONG
    budget: AnswerBudget | None = None


class Listing:
    """One instance serves every namespace."""

    def __init__(self, shards: ShardReads) -> None:
        self._shards = shards

    def page(self, namespace: Namespace, request: ListRequest) -> Page[ListedRecord]:
        """The records that come after the cursor, at most `limit`. Raises InvalidCursor, AnswerTooLarge.

        A walk from page to page has each record once that was there and matched all the time, if what it is ordered by
        did not change meanwhile. One that changed, came or went may be in it or not; one whose value moved along the
        order may come twice.
        """
        check_limit(request.limit)
        order = check_order(request.order)
        listing = _name(namespace, request)
        after = _place(decode_cursor(listing, request.cursor)) if request.cursor else None
        shown = Shown(request.include_vectors, request.include_metadata, request.budget)
        pages = self._shards.each(
            namespace.each_shard,
            lambda _, view: list_records(view, request.condition, order, after, request.limit, shown),
            request.consistency,
        )
        listed = [one for of_shard, _ in pages for one in of_shard]
        page = first_in_order(listed, order, _place_of, request.limit)
        more = len(listed) > request.limit or any(more for _, more in pages)
        return Page(
            [one.record for one in page], encode_cursor(listing, _position(page[-1].place)) if more else None
        )


def _name(namespace: Namespace, request: ListRequest) -> str:
    """What a cursor belongs to: the generation, the filter and the order."""
    condition = "" if request.condition is None else digest(request.condition).hex()
    order = request.order
    way = "desc" if order.descending else "asc"
    by = "id" if order.field is None else f"field/{order.field}"
    return f"list/{namespace.generation}/{condition}/{way}/{by}"


def _position(place: OrderPlace) -> str:
    return json.dumps([None if place.key is None else place.key.hex(), place.id])


def _place(position: str) -> OrderPlace:
    key, record_id = json.loads(position)
    return OrderPlace(None if key is None else bytes.fromhex(key), record_id)


def _place_of(listed: Listed) -> OrderPlace:
    return listed.place
