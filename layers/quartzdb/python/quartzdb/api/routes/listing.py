"""The route that lists records by filter, in an order."""

from __future__ import annotations

from quartzdb.api.answer import Answer
from quartzdb.api.call import Call
from quartzdb.api.freshness import consistency_of
from quartzdb.api.operation import Family, JsonBody, Success
from quartzdb.api.receipts import read_answer
from quartzdb.api.routes.vectors import READ, VERSION, vector_document
from quartzdb.api.schemas import vectors as schemas
from quartzdb.api.times import rfc3339
from quartzdb.domain.answer_budget import AnswerBudget, vector_bytes
from quartzdb.domain.errors import TooLarge
from quartzdb.domain.filter import parse
from quartzdb.domain.limits import CHOSEN_FIELDS_MAX, FILTER_JSON, LIST_LIMIT_MAX
from quartzdb.domain.metadata import chosen_fields
from quartzdb.domain.order import BY_ID, Order
from quartzdb.domain.record import ListedRecord
from quartzdb.services.keys import Scope
from quartzdb.services.listing import ListRequest

FAMILY = Family("listing", "Records by filter and order.")


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/vectors/list",
    summary="List records by filter, in an order",
    computes=True,
    scope=Scope.READ,
    body=JsonBody(
        schemas.ListMatching,
        {
            "newest": {
                "filter": {"tags": {"$contains": "desert"}},
                "order_by": {"field": "year", "direction": "desc"},
                "include_metadata": ["year"],
                "limit": 2,
            },
            "all": {},
        },
        FILTER_JSON,
        optional=True,
    ),
    answers=(
        Success(
            "A page.",
            schemas.RecordPage,
            {
                "records": [{"id": "dune", "version": VERSION, "metadata": {"year": 1965}}],
                "cursor": None,
                "usage": READ,
            },
        ),
    ),
)
def list_records(call: Call) -> Answer:
    """Records that a filter accepts, by id or by a metadata field. A page costs the same wherever it is in the listing.
    A walk from page to page has every record exactly once that was there and matched throughout, if its value of the
    field that it is ordered by stayed as it was; what is written, changed or deleted meanwhile may be in it or not.
    """
    namespace = call.namespace()
    body = call.json(schemas.ListMatching, optional=True)
    chosen = body.include_metadata
    if isinstance(chosen, list) and len(chosen) > CHOSEN_FIELDS_MAX:
        raise TooLarge(
            f"At most {CHOSEN_FIELDS_MAX} fields can be named, not {len(chosen)}.", field="include_metadata"
        )
    budget = AnswerBudget()
    size = vector_bytes(namespace.settings.vector_size, body.include_vectors)
    budget.take_records(min(max(body.limit, 0), LIST_LIMIT_MAX), size, "limit")
    order_by = body.order_by
    page = call.services.listing.page(
        namespace,
        ListRequest(
            condition=None if body.filter is None else parse(body.filter),
            order=BY_ID if order_by is None else Order(order_by.field, order_by.direction == "desc"),
            cursor=body.cursor,
            limit=body.limit,
            include_vectors=bool(body.include_vectors),
            include_metadata=chosen is not False and chosen != [],
            consistency=consistency_of(call, body),
            budget=budget,
        ),
    )
    return read_answer(
        call,
        {"records": [_document(record, body) for record in page.items], "cursor": page.cursor},
        records=len(page.items),
        dry_run=body.dry_run,
    )


def _document(record: ListedRecord, body: schemas.ListMatching) -> dict[str, object]:
    record_id, version, vector, metadata, expires_at_ms = record
    document: dict[str, object] = {"id": record_id, "version": str(version)}
    if vector is not None and vector.size:
        document["vector"] = vector_document(vector, str(body.include_vectors))
    if metadata is not None:
        chosen = body.include_metadata
        document["metadata"] = chosen_fields(metadata, chosen) if isinstance(chosen, list) else metadata
    if expires_at_ms is not None:
        document["expires_at"] = rfc3339(expires_at_ms)
    return document
