"""Routes of counting: aggregates and facets, and what fields a namespace's metadata has."""

from __future__ import annotations

from quartzdb.api.answer import Answer
from quartzdb.api.call import Call
from quartzdb.api.freshness import consistency_of
from quartzdb.api.operation import Family, JsonBody, Success
from quartzdb.api.receipts import read_answer
from quartzdb.api.routes.vectors import READ
from quartzdb.api.schemas import aggregates as schemas
from quartzdb.domain.aggregate import (
    Aggregate,
    AggregateKind,
    AggregateRequest,
    Partial,
    answer_of,
    groups_in_order,
)
from quartzdb.domain.field_summary import FieldSummary
from quartzdb.domain.fieldkey import decode
from quartzdb.domain.filter import parse
from quartzdb.domain.limits import FILTER_JSON
from quartzdb.services.keys import Scope

FAMILY = Family("aggregates", "Facets, statistics and fields of metadata.")
_EMPTY = Partial()


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/aggregate",
    summary="Aggregate metadata",
    computes=True,
    scope=Scope.READ,
    body=JsonBody(
        schemas.AggregateQuery,
        {
            "facets": {"aggregates": {"tags": {"kind": "top", "field": "tags"}}},
            "groups": {
                "filter": {"year": {"$gte": 1960}},
                "group_by": ["tags"],
                "aggregates": {
                    "first": {"kind": "min", "field": "year"},
                    "years": {"kind": "percentiles", "field": "year", "percentiles": [50, 95]},
                },
            },
        },
        FILTER_JSON,
        optional=True,
    ),
    answers=(
        Success(
            "The groups.",
            schemas.AggregateAnswer,
            {
                "records": 2,
                "missing": 1,
                "groups": [
                    {
                        "values": {"tags": "desert"},
                        "records": 1,
                        "aggregates": {"first": 1965, "years": {"50": 1965}},
                    }
                ],
                "more": False,
                "usage": READ,
            },
        ),
    ),
)
def aggregate_records(call: Call) -> Answer:
    """Counts, facets and statistics over the records that a filter accepts, for all of them or by the values of up to
    two fields. All of it is exact; no record is read for it. More than 100,000 different groups or values are refused.
    """
    namespace = call.namespace()
    body = call.json(schemas.AggregateQuery, optional=True)
    request = AggregateRequest(
        {
            name: Aggregate(AggregateKind(one.kind), one.field, tuple(one.percentiles), one.limit)
            for name, one in body.aggregates.items()
        },
        tuple(body.group_by),
        body.limit,
    )
    condition = None if body.filter is None else parse(body.filter)
    tally = call.services.aggregates.tally(namespace, request, condition, consistency_of(call, body))
    groups = [
        {
            "values": {path: decode(key) for path, key in zip(request.group_by, keys, strict=True)},
            "records": group.records,
            "aggregates": {
                name: answer_of(aggregate, group.partials.get(name, _EMPTY))
                for name, aggregate in request.aggregates.items()
            },
        }
        for keys, group in groups_in_order(tally.groups, request.limit)
    ]
    if not request.group_by and not groups:
        nothing = {name: answer_of(one, _EMPTY) for name, one in request.aggregates.items()}
        groups = [{"values": {}, "records": 0, "aggregates": nothing}]
    return read_answer(
        call,
        {
            "records": tally.matched,
            "missing": tally.missing,
            "groups": groups,
            "more": len(tally.groups) > request.limit,
        },
        records=tally.matched,
        dry_run=body.dry_run,
    )


@FAMILY.operation(
    "GET",
    "/v1/namespaces/{namespace}/schema",
    summary="Describe metadata fields",
    computes=True,
    scope=Scope.READ,
    query=schemas.DescribeFields,
    answers=(
        Success(
            "The fields.",
            schemas.FieldsAnswer,
            {
                "fields": [
                    {
                        "field": "year",
                        "records": 2,
                        "values": [{"type": "number", "count": 2, "min": 1965, "max": 1969}],
                    }
                ],
                "more": False,
                "usage": READ,
            },
        ),
    ),
)
def describe_fields(call: Call) -> Answer:
    """The metadata fields that records have: how many have each, and the types and ranges of its values."""
    query = call.query(schemas.DescribeFields)
    fields, more = call.services.aggregates.fields(call.namespace(), consistency_of(call, query))
    return read_answer(
        call, {"fields": [_field(path, summary) for path, summary in fields.items()], "more": more}
    )


def _field(path: str, summary: FieldSummary) -> dict[str, object]:
    values = [
        {
            "type": name,
            "count": one.count,
            "min": None if one.least is None else decode(one.least),
            "max": None if one.greatest is None else decode(one.greatest),
        }
        for name, one in sorted(summary.types.items())
    ]
    return {"field": path, "records": summary.records, "values": values}
