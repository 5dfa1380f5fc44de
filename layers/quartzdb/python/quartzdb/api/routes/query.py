"""The routes of queries: the nearest records to a vector, or to each of several. The hottest path there is."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from orjson import Fragment

from quartzdb.api.answer import Answer, json_answer
from quartzdb.api.call import Call
from quartzdb.api.freshness import consistency_of
from quartzdb.api.operation import Family, JsonBody, Success
from quartzdb.api.receipts import read_answer, read_body
from quartzdb.api.routes.vectors import READ, VERSION, vector_document
from quartzdb.api.schemas import vectors as schemas
from quartzdb.api.schemas.plain_query import plain_query
from quartzdb.api.times import rfc3339
from quartzdb.domain.answer_budget import AnswerBudget, vector_bytes
from quartzdb.domain.errors import within_field
from quartzdb.domain.fieldkey import decode
from quartzdb.domain.filter import FilterBudget, parse
from quartzdb.domain.fusion import shared_ranks
from quartzdb.domain.granted_limits import require_at_most
from quartzdb.domain.grouping import GroupBy
from quartzdb.domain.limits import QUERIES_JSON, QUERIES_MAX, QUERY_JSON, TOP_K_MAX
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.query_documents import parse_fusion, parse_sparse_query, parse_text_query
from quartzdb.domain.record import Match
from quartzdb.domain.vector import parse_vector
from quartzdb.services.consistency import Consistency
from quartzdb.services.keys import Scope
from quartzdb.services.search import QueryAnswer, QueryRequest

FAMILY = Family("query", "Search.")
BRIEF_TOP_K_MAX = 100
_BRIEF_FIELDS = frozenset(
    {
        "vector",
        "id",
        "top_k",
        "filter",
        "recall",
        "min_recall",
        "min_score",
        "include_vectors",
        "include_metadata",
        "consistency",
    }
)
_WORK = {"records_matched": 1, "records_scored": 1, "records_returned": 1}
_ANSWER: dict[str, object] = {
    "matches": [
        {
            "id": "dune",
            "score": 0.9938837,
            "distance": 0.0061163,
            "version": VERSION,
            "metadata": {"year": 1965, "tags": ["desert"]},
        }
    ],
    "usage": _WORK,
    "performance": {
        "milliseconds": 0.21,
        "mode": "exact",
        "segments": 0,
        "rows_scored": 1,
        "tail_rows": 1,
    },
}


def _kind_of(call: Call) -> Hashable | None:
    """What decides how long a question takes, beside the namespace. None for what may take any time, and for whatever
    is not named here.
    """
    body = call.json(schemas.Query, plain=plain_query)
    if body.top_k > BRIEF_TOP_K_MAX or not body.model_fields_set <= _BRIEF_FIELDS:
        return None
    filtered, by_id = body.filter is not None, body.id is not None
    size = len(call.body).bit_length() if filtered else 0
    of = call.principal.tenant, call.parameters["namespace"], body.consistency
    return (
        *of,
        filtered,
        size,
        by_id,
        body.recall,
        body.min_recall,
        body.top_k.bit_length(),
        body.include_vectors,
    )


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/query",
    summary="Query by vector, id or words",
    computes=True,
    kind_of=_kind_of,
    scope=Scope.READ,
    body=JsonBody(
        schemas.Query,
        {
            "vector": {"vector": [1, 0, 0], "top_k": 2, "filter": {"year": {"$gt": 1960}}},
            "id": {"id": "dune", "include_vectors": "base64"},
            "recall": {"vector": [1, 0, 0], "recall": 0.9},
            "min_recall": {"vector": [1, 0, 0], "min_recall": 0.99},
            "text": {"text": {"query": "desert planet", "must_not": ["moon"]}},
            "hybrid": {"vector": [1, 0, 0], "text": {"query": "desert"}, "explain": True},
            "pages": {"vector": [1, 0, 0], "top_k": 20, "page": True},
            "groups": {"vector": [1, 0, 0], "group_by": {"field": "tags", "per_group": 2, "groups": 5}},
            "distinct": {"vector": [1, 0, 0], "top_k": 5, "distinct": "year"},
        },
        QUERY_JSON,
    ),
    answers=(
        Success(
            "The matches.",
            schemas.QueryResult,
            {**_ANSWER, "usage": {**_WORK, **READ}},
        ),
    ),
)
def query_vectors(call: Call) -> Answer:
    """The nearest records by the namespace's metric, among those that the filter accepts. The filter is applied before
    the search, so it never costs recall. With `page` the answer has a `cursor` if there are more, and the same question
    with that cursor gives the next page. No record comes twice in a walk without writes. Pages go 10,000 records deep;
    with `recall` 1 the walk is the whole ranking, to its end. Each page is of the moment at which it is asked for. With
    `group_by` the answer has `groups`, the one with the best record first, and no other matches; `distinct` answers the
    best match of each value of a field. A record without a value of the field is then in no answer.
    """
    body = call.json(schemas.Query, plain=plain_query)
    budget = AnswerBudget()
    _require_allowed(call, body)
    request = _request(body, consistency_of(call, body), FilterBudget(), budget)
    search = call.services.search

    def query(namespace: Namespace) -> QueryAnswer:
        budget.begin()
        _take(budget, namespace, body)
        return search.query(namespace, request)

    answer = call.services.namespaces.search(
        call.principal.tenant, query, call.parameters["namespace"], strong=request.consistency.strong
    )
    return read_answer(
        call,
        _document(answer, body, request),
        records=answer.returned,
        usage=_usage(answer),
        dry_run=body.dry_run,
    )


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/query/batch",
    summary="Several queries at once",
    computes=True,
    scope=Scope.READ,
    body=JsonBody(
        schemas.QueryBatch,
        {"two": {"queries": [{"vector": [1, 0, 0], "top_k": 2}, {"id": "dune", "filter": {"year": 1969}}]}},
        QUERIES_JSON,
    ),
    answers=(
        Success("The answers, in order.", schemas.QueryBatchAnswer, {"answers": [_ANSWER], "usage": READ}),
    ),
)
def query_vectors_batch(call: Call) -> Answer:
    """Queries that are answered together, all from one moment: the namespace's log is read once for all of them.
    What is wrong with one fails them all. A rate limit counts each. What all may ask for together is limited, too: 64
    MiB of answers, and filters by their clauses and operands; beyond that, send them in several requests.
    """
    body = call.json(schemas.QueryBatch)
    consistency = consistency_of(call, body)
    headers = call.admit(min(len(body.queries), QUERIES_MAX) - 1)
    requests = []
    budget, filters = AnswerBudget(), FilterBudget()
    for position, one in enumerate(body.queries):
        with within_field(f"queries[{position}]"):
            _require_allowed(call, one)
            requests.append(_request(one, consistency, filters, budget))
    search = call.services.search

    def query(namespace: Namespace) -> Sequence[QueryAnswer]:
        budget.begin()
        for position, one in enumerate(body.queries):
            with within_field(f"queries[{position}]"):
                _take(budget, namespace, one)
        return search.query_batch(namespace, requests, consistency)

    answers = call.services.namespaces.search(
        call.principal.tenant, query, call.parameters["namespace"], strong=consistency.strong
    )
    # Each is encoded by itself, so that what they come to is known before it is held.
    encoded, sizes = [], AnswerBudget()
    for answer, one, request in zip(answers, body.queries, requests, strict=True):
        encoded.append(json_answer({**_document(answer, one, request), "usage": _usage(answer)}).body)
        sizes.take(len(encoded[-1]))
    return read_body(
        call,
        b'{"answers":[' + b",".join(encoded) + b"]}",
        reads=len(requests),
        records=sum(answer.returned for answer in answers),
        headers=headers,
        dry_run=body.dry_run,
    )


def _take(budget: AnswerBudget, namespace: Namespace, body: schemas.QueryInBatch) -> None:
    """What the answer to a question may have, before it is searched for. Raises AnswerTooLarge."""
    size = vector_bytes(namespace.settings.vector_size, body.include_vectors)
    wanted, field = _matches_wanted(body)
    budget.take_records(min(max(wanted, 0), TOP_K_MAX), size, field)


def _matches_wanted(body: schemas.QueryInBatch) -> tuple[int, str]:
    """How many the answer has at most, and which field says so."""
    if body.group_by is None:
        return body.top_k, "top_k"
    return body.group_by.groups * body.group_by.per_group, "group_by.groups"


def _require_allowed(call: Call, body: schemas.QueryInBatch) -> None:
    """Raises LimitReached for more results than the tenant's grant allows."""
    wanted, field = _matches_wanted(body)
    require_at_most(call.principal.grant, "top_k", wanted, "results", field=field)


def _request(
    body: schemas.QueryInBatch, consistency: Consistency, filters: FilterBudget, budget: AnswerBudget
) -> QueryRequest:
    asked = body.group_by
    return QueryRequest(
        vector=None if body.vector is None else parse_vector(body.vector),
        id=body.id,
        top_k=body.top_k,
        condition=None if body.filter is None else parse(body.filter, budget=filters),
        include_values=bool(body.include_vectors),
        consistency=consistency,
        recall=body.recall,
        min_recall=body.min_recall,
        include_metadata=body.include_metadata,
        budget=budget,
        min_score=body.min_score,
        paged=body.page or body.cursor is not None,
        cursor=body.cursor,
        group_by=None if asked is None else GroupBy(asked.field, asked.per_group, asked.groups),
        distinct=body.distinct,
        text=None if body.text is None else parse_text_query(body.text),
        sparse=None if body.sparse is None else parse_sparse_query(body.sparse),
        fusion=None if body.fusion is None else parse_fusion(body.fusion),
    )


def _document(answer: QueryAnswer, body: schemas.QueryInBatch, request: QueryRequest) -> dict[str, object]:
    work = answer.work
    document: dict[str, object] = {"matches": _matches(answer.matches, body)}
    if answer.groups is not None:
        document["groups"] = [_group(one.key, one.matches, body) for one in answer.groups]
    if body.page or body.cursor is not None:
        document["cursor"] = answer.cursor
    performance: dict[str, object] = {
        "milliseconds": round(answer.milliseconds, 3),
        "mode": "exact" if work.exact else "approximate",
        "segments": work.segments,
        "rows_scored": work.rows_scored,
        "tail_rows": work.tail_rows,
    }
    promised = request.promised(exact=work.exact)
    if promised is not None:
        performance["promised_recall"] = promised
    document["performance"] = performance
    return document


def _group(key: bytes, matches: Sequence[Match], body: schemas.QueryInBatch) -> dict[str, object]:
    return {"value": decode(key), "matches": [match_document(match, body) for match in matches]}


def _usage(answer: QueryAnswer) -> dict[str, object]:
    return {
        "records_matched": answer.work.matches,
        "records_scored": answer.work.rows_scored,
        "records_returned": answer.returned,
    }


def _matches(matches: Sequence[Match], body: schemas.QueryInBatch) -> list[dict[str, object]]:
    if body.text is None and body.sparse is None and not (body.explain or body.include_vectors):
        return _plain_documents(matches, metadata=body.include_metadata)
    documents = [match_document(match, body) for match in matches]
    if body.explain and body.text is None and body.sparse is None:
        # Of one part, which is all there is: a match's rank is its place. A later page does not know it.
        ranks = shared_ranks([match.score for match in matches])
        for rank, document, match in zip(ranks, documents, matches, strict=True):
            document["explain"] = {} if body.cursor else {"vector": {"rank": rank, "score": match.score}}
    return documents


def _plain_documents(matches: Sequence[Match], *, metadata: bool) -> list[dict[str, object]]:
    """What `match_document` makes of matches of a search by vector alone that shows no vectors, as most are."""
    documents = []
    for record_id, score, distance, (stamp, writer), _, shown, expires_at_ms, _ in matches:
        document: dict[str, object] = {
            "id": record_id,
            "score": score,
            "distance": distance,
            "version": f"{stamp:016x}.{writer}",
        }
        if metadata:
            document["metadata"] = Fragment(shown) if isinstance(shown, bytes) else shown
        if expires_at_ms is not None:
            document["expires_at"] = rfc3339(expires_at_ms)
        documents.append(document)
    return documents


def match_document(match: Match, body: schemas.QueryInBatch) -> dict[str, object]:
    """A match as the answer has it."""
    document: dict[str, object] = {"id": match.id, "score": match.score}
    if body.text is None and body.sparse is None:
        document["distance"] = match.distance
    elif body.explain and match.explained is not None:
        document["explain"] = {
            part.value: {"rank": one.rank, "score": one.score} for part, one in match.explained.items()
        }
    document["version"] = str(match.version)
    if match.vector is not None and match.vector.size:
        document["vector"] = vector_document(match.vector, str(body.include_vectors))
    if body.include_metadata:
        encoded = match.metadata_json
        document["metadata"] = match.metadata if encoded is None else Fragment(encoded)
    if match.expires_at_ms is not None:
        document["expires_at"] = rfc3339(match.expires_at_ms)
    return document
