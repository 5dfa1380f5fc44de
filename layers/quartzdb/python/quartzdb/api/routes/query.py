"""The routes of queries: the nearest records to a vector, or to each of several. The hottest path there is."""

from __future__ import annotations

from quartzdb.api.answer import Answer, json_answer
from quartzdb.api.call import Call
from quartzdb.api.freshness import consistency_of
from quartzdb.api.operation import Family, JsonBody, Success
from quartzdb.api.routes.vectors import VERSION, vector_document
from quartzdb.api.schemas import vectors as schemas
from quartzdb.domain.errors import within_field
from quartzdb.domain.filter import parse
from quartzdb.domain.limits import QUERIES_MAX
from quartzdb.domain.record import Match
from quartzdb.domain.vector import parse_vector
from quartzdb.services.consistency import Consistency
from quartzdb.services.keys import Scope
from quartzdb.services.search import QueryAnswer, QueryRequest

FAMILY = Family("query", "Search.")
_ANSWER = {
    "matches": [
        {
            "id": "dune",
            "score": 0.9938837,
            "distance": 0.0061163,
            "version": VERSION,
            "metadata": {"year": 1965, "tags": ["desert"]},
        }
    ],
    "usage": {"records_matched": 1, "records_scored": 1, "records_returned": 1},
    "performance": {
        "milliseconds": 0.21,
        "mode": "exact",
        "segments": 0,
        "rows_scored": 1,
        "tail_rows": 1,
    },
}


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/query",
    summary="Query by vector or id",
    computes=True,
    scope=Scope.READ,
    body=JsonBody(
        schemas.Query,
        {
            "vector": {"vector": [1, 0, 0], "top_k": 2, "filter": {"year": {"$gt": 1960}}},
            "id": {"id": "dune", "include_vectors": "base64"},
            "recall": {"vector": [1, 0, 0], "recall": 0.9},
        },
    ),
    answers=(
        Success(
            "The matches.",
            schemas.QueryResult,
            _ANSWER,
        ),
    ),
)
def query_vectors(call: Call) -> Answer:
    """The nearest records by the namespace's metric, among those that the filter accepts. The filter is applied before
    the search, so it never costs recall.
    """
    body = call.json(schemas.Query)
    request = _request(body, consistency_of(body))
    search = call.services.search
    answer = call.services.namespaces.search(
        call.principal.tenant,
        lambda namespace: search.query(namespace, request),
        call.parameters["namespace"],
    )
    return json_answer(_document(answer, body))


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/query/batch",
    summary="Several queries at once",
    computes=True,
    scope=Scope.READ,
    body=JsonBody(
        schemas.QueryBatch,
        {"two": {"queries": [{"vector": [1, 0, 0], "top_k": 2}, {"id": "dune", "filter": {"year": 1969}}]}},
    ),
    answers=(Success("The answers, in order.", schemas.QueryBatchAnswer, {"answers": [_ANSWER]}),),
)
def query_vectors_batch(call: Call) -> Answer:
    """Queries that are answered together, all from one moment: the namespace's log is read once for all of them.
    What is wrong with one fails them all. A rate limit counts each.
    """
    body = call.json(schemas.QueryBatch)
    headers = call.admit(min(len(body.queries), QUERIES_MAX) - 1)
    consistency = consistency_of(body)
    requests = []
    for position, one in enumerate(body.queries):
        with within_field(f"queries[{position}]"):
            requests.append(_request(one, consistency))
    search = call.services.search
    answers = call.services.namespaces.search(
        call.principal.tenant,
        lambda namespace: search.query_batch(namespace, requests, consistency),
        call.parameters["namespace"],
    )
    documents = [_document(answer, one) for answer, one in zip(answers, body.queries, strict=True)]
    return json_answer({"answers": documents}, headers=headers)


def _request(body: schemas.QueryInBatch, consistency: Consistency) -> QueryRequest:
    return QueryRequest(
        vector=None if body.vector is None else parse_vector(body.vector),
        id=body.id,
        top_k=body.top_k,
        condition=None if body.filter is None else parse(body.filter),
        include_values=bool(body.include_vectors),
        consistency=consistency,
        recall=body.recall,
    )


def _document(answer: QueryAnswer, body: schemas.QueryInBatch) -> dict[str, object]:
    work = answer.work
    return {
        "matches": [match_document(match, body) for match in answer.matches],
        "usage": {
            "records_matched": work.matches,
            "records_scored": work.rows_scored,
            "records_returned": len(answer.matches),
        },
        "performance": {
            "milliseconds": round(answer.milliseconds, 3),
            "mode": "exact" if work.exact else "approximate",
            "segments": work.segments,
            "rows_scored": work.rows_scored,
            "tail_rows": work.tail_rows,
        },
    }


def match_document(match: Match, body: schemas.QueryInBatch) -> dict[str, object]:
    """A match as the answer has it."""
    document: dict[str, object] = {
        "id": match.id,
        "score": match.score,
        "distance": match.distance,
        "version": str(match.version),
    }
    if match.vector is not None:
        document["vector"] = vector_document(match.vector, str(body.include_vectors))
    if body.include_metadata:
        document["metadata"] = match.metadata
    return document
