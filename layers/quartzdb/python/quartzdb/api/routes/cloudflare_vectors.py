"""Routes of the Cloudflare-compatible surface for records."""

from __future__ import annotations

from orjson import Fragment

from quartzdb.api.answer import Answer, Headers, json_answer
from quartzdb.api.call import Call
from quartzdb.api.operation import Family, JsonBody, Success
from quartzdb.api.preconditions import VERSION_HEADER
from quartzdb.api.receipts import unsaid
from quartzdb.api.routes import cloudflare
from quartzdb.api.routes.vectors import units_of_records
from quartzdb.api.schemas import cloudflare as schemas
from quartzdb.api.schemas.validation import validate
from quartzdb.domain.answer_budget import AnswerBudget
from quartzdb.domain.errors import InvalidArgument, InvalidId, QuartzError, RecordNotFound
from quartzdb.domain.granted_limits import require_at_most
from quartzdb.domain.limits import QUERY_JSON, RECORD_JSON, WRITE_JSON
from quartzdb.domain.metadata import check_metadata
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.record import check_contract_id
from quartzdb.domain.units import units_deleted
from quartzdb.domain.vector import parse_vector
from quartzdb.services.keys import Scope
from quartzdb.services.record_rules import NewRecord, check_record
from quartzdb.services.search import QueryRequest

FAMILY = Family(cloudflare.FAMILY.tag, cloudflare.FAMILY.description)

BATCH_MAX = 100
K_MAX = 1_000
RESULTS_MAX = 100
_WORTH_COMPACTING_PERCENT = 25.0

_DUNE = {"id": "dune", "vector": [0.12, -0.5, 0.31], "metadata": {"year": 1965}}
_INSERTED = {"success": True, "id": "dune", "message": "Inserted"}
_DELETED = {"success": True, "id": "dune", "message": "Deleted"}


@FAMILY.operation(
    "POST",
    "/api/vector/insert",
    summary="Insert a record",
    scope=Scope.WRITE,
    body=JsonBody(schemas.InsertVector, {"one": _DUNE}, RECORD_JSON, any_type=True),
    answers=(Success("It is stored.", schemas.IdDone, _INSERTED, headers=(VERSION_HEADER,)),),
)
def cf_insert_vector(call: Call) -> Answer:
    """One with the same id is replaced. The default namespace has 384 dimensions; examples here are shortened."""
    record = _record(call.json(schemas.InsertVector, any_type=True))
    namespace = _namespace(call)
    version = call.services.records.upsert(namespace, [record])
    call.trace.used(units_of_records(namespace, [record]), 1)
    document = {"success": True, "id": record.id, "message": "Inserted"}
    return json_answer(document, headers=((VERSION_HEADER, str(version)),))


@FAMILY.operation(
    "POST",
    "/api/vector/batch-insert",
    summary="Insert records",
    scope=Scope.WRITE,
    body=JsonBody(schemas.BatchInsert, {"one": {"vectors": [_DUNE]}}, WRITE_JSON, any_type=True),
    answers=(
        Success(
            "What became of each.",
            schemas.BatchInserted,
            {"success": True, "total": 1, "inserted": 1, "failed": 0, "results": [_INSERTED]},
            headers=(VERSION_HEADER,),
        ),
    ),
)
def cf_batch_insert_vectors(call: Call) -> Answer:
    """Each record succeeds or fails by itself; those that are good are written together. Of two with one id the later
    stays.
    """
    body = call.json(schemas.BatchInsert, any_type=True)
    total = len(body.vectors)
    if not 1 <= total <= BATCH_MAX:
        raise InvalidArgument(f"A batch has 1 to {BATCH_MAX} vectors, not {total}.", field="vectors")
    namespace = _namespace(call)
    good: dict[str, NewRecord] = {}
    results: list[dict[str, object]] = []
    for document in body.vectors:
        try:
            record = _record(validate(schemas.InsertVector, document))
            check_record(namespace, record, "")
        except InvalidArgument as error:
            given = document.get("id") if isinstance(document, dict) else None
            record_id = given if isinstance(given, str) else ""
            results.append({"success": False, "id": record_id, "message": _reason(error)})
        else:
            good[record.id] = record
            results.append({"success": True, "id": record.id, "message": "Inserted"})
    headers: Headers = ()
    if good:
        version = call.services.records.upsert(namespace, list(good.values()))
        headers = ((VERSION_HEADER, str(version)),)
        call.trace.used(units_of_records(namespace, good.values()), len(good))
    inserted = sum(1 for result in results if result["success"])
    failed = total - inserted
    return json_answer(
        {"success": failed == 0, "total": total, "inserted": inserted, "failed": failed, "results": results},
        headers=headers,
    )


@FAMILY.operation(
    "GET",
    "/api/vector/get/{id}",
    summary="Get a record",
    scope=Scope.READ,
    answers=(Success("The record.", schemas.VectorFound, _DUNE),),
    errors=(404,),
)
def cf_get_vector(call: Call) -> Answer:
    """Its vector and metadata."""
    try:
        record_id = check_contract_id(call.parameters["id"])
        record = call.services.records.fetch_one(_namespace(call), record_id)
    except InvalidId as error:
        raise _never_seen() from error
    return unsaid(call, json_answer({"id": record.id, "vector": record.vector, "metadata": record.metadata}))


@FAMILY.operation(
    "POST",
    "/api/vector/search",
    summary="Search",
    scope=Scope.READ,
    computes=True,
    body=JsonBody(
        schemas.SearchVectors,
        {"vector": {"vector": [0.1, -0.4, 0.3], "k": 5}, "query": {"query": [0.1, -0.4, 0.3]}},
        QUERY_JSON,
        any_type=True,
    ),
    answers=(
        Success(
            "The matches.",
            schemas.SearchAnswer,
            {
                "success": True,
                "results": [{"id": "dune", "distance": 0.004, "score": 0.996, "metadata": {"year": 1965}}],
                "count": 1,
                "algorithm": "exact",
            },
        ),
    ),
)
def cf_search_vectors(call: Call) -> Answer:
    """The nearest records by cosine."""
    body = call.json(schemas.SearchVectors, any_type=True)
    if not 1 <= body.k <= K_MAX:
        raise InvalidArgument(f"k must be 1 to {K_MAX}, not {body.k}.", field="k")
    given = body.vector if body.vector is not None else body.query
    if given is None:
        raise InvalidArgument("'vector' is missing.", field="vector")
    request = QueryRequest(vector=parse_vector(given), top_k=min(body.k, RESULTS_MAX), budget=AnswerBudget())
    require_at_most(call.principal.grant, "top_k", request.top_k, "results", field="k")
    search = call.services.search
    answer = call.services.namespaces.search(
        call.principal.tenant,
        lambda namespace: search.query(namespace, request),
        grant=call.principal.grant,
    )
    results = [
        {
            "id": match.id,
            "distance": match.distance,
            "score": 1.0 - match.distance,
            "metadata": match.metadata if match.metadata_json is None else Fragment(match.metadata_json),
        }
        for match in answer.matches
    ]
    algorithm = "exact" if answer.work.exact else "approximate"
    document = {"success": True, "results": results, "count": len(results), "algorithm": algorithm}
    return unsaid(call, json_answer(document), records=len(results))


@FAMILY.operation(
    "DELETE",
    "/api/vector/delete",
    summary="Delete a record named in the body",
    scope=Scope.WRITE,
    body=JsonBody(schemas.DeleteVector, {"one": {"id": "dune"}}, any_type=True),
    answers=(Success("It is gone.", schemas.IdDone, _DELETED, headers=(VERSION_HEADER,)),),
    errors=(404,),
)
def cf_delete_vector_by_body(call: Call) -> Answer:
    """The form that the dashboard uses."""
    return _delete(call, call.json(schemas.DeleteVector, any_type=True).id)


@FAMILY.operation(
    "DELETE",
    "/api/vector/delete/{id}",
    summary="Delete a record",
    scope=Scope.WRITE,
    answers=(Success("It is gone.", schemas.IdDone, _DELETED, headers=(VERSION_HEADER,)),),
    errors=(404,),
)
def cf_delete_vector(call: Call) -> Answer:
    """Deleting twice is no error; an id that never was is one."""
    return _delete(call, call.parameters["id"])


@FAMILY.operation(
    "GET",
    "/api/vector/stats",
    summary="Statistics",
    scope=Scope.READ,
    answers=(
        Success(
            "What the index holds.",
            schemas.VectorStats,
            {
                "success": True,
                "algorithm": "exact",
                "num_vectors": 10,
                "num_active": 9,
                "num_deleted": 1,
                "dimension": 384,
                "deletion_ratio_percent": "10.0",
                "recommendation": "Nothing needs to be done.",
            },
        ),
    ),
)
def cf_vector_stats(call: Call) -> Answer:
    """Deleted rows are those not yet compacted away."""
    namespace = _namespace(call)
    stats = call.services.namespaces.stats(namespace)
    rows = stats.records + stats.deleted_rows
    percent = 100.0 * stats.deleted_rows / rows if rows else 0.0
    return json_answer(
        {
            "success": True,
            "algorithm": "+".join(sorted({segment.engine for segment in stats.segments})) or "exact",
            "num_vectors": rows,
            "num_active": stats.records,
            "num_deleted": stats.deleted_rows,
            "dimension": namespace.settings.dimension,
            "deletion_ratio_percent": f"{percent:.1f}",
            "recommendation": (
                "Compaction is due; it happens by itself."
                if percent > _WORTH_COMPACTING_PERCENT
                else "Nothing needs to be done."
            ),
        }
    )


def _delete(call: Call, record_id: str) -> Answer:
    namespace = _namespace(call)
    try:
        known = call.services.records.known(namespace, check_contract_id(record_id))
    except InvalidId as error:
        raise _never_seen() from error
    if not known:
        raise _never_seen()
    deletion = call.services.records.delete(namespace, [record_id])
    call.trace.used(units_deleted(1), deletion.deleted)
    assert deletion.version is not None, "an id was given"
    document = {"success": True, "id": record_id, "message": "Deleted"}
    return json_answer(document, headers=((VERSION_HEADER, str(deletion.version)),))


def _namespace(call: Call) -> Namespace:
    return call.services.namespaces.default(call.principal.tenant, call.principal.grant)


def _record(body: schemas.InsertVector) -> NewRecord:
    metadata = {} if body.metadata is None else check_metadata(body.metadata)
    return NewRecord(check_contract_id(body.id), parse_vector(body.vector), metadata)


def _never_seen() -> RecordNotFound:
    return RecordNotFound("There is no such vector.", field="id")


def _reason(error: QuartzError) -> str:
    return f"{error.field}: {error.message}" if error.field else error.message
