"""Routes of namespaces: create, list, describe, delete."""

from __future__ import annotations

from quartzdb.api.answer import Answer, json_answer
from quartzdb.api.call import Call
from quartzdb.api.freshness import consistency_of, freshness_document
from quartzdb.api.operation import Family, IdempotentReplay, JsonBody, Success
from quartzdb.api.schemas import namespaces as schemas
from quartzdb.api.times import rfc3339
from quartzdb.domain.declared_fields import parse_sparse, parse_text, text_document
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings, Precision
from quartzdb.services.keys import Scope

FAMILY = Family(
    "namespaces", "Isolated sets of records with one dimension and metric, and of key-value items."
)

NAMESPACE_CHARACTERS_SHOWN = 80
_BOOKS = {
    "name": "books",
    "dimension": 3,
    "metric": "cosine",
    "engine": "auto",
    "precision": "f32",
    "shards": 1,
    "purge_after_days": 30,
    "text": {"title": {"language": "english", "stemming": True, "stopwords": True}},
    "sparse": [],
    "key_history": False,
    "created_at": "2025-01-01T12:00:00.000Z",
}
_STATS = {
    "records": 3,
    "deleted_rows": 0,
    "tail_rows": 0,
    "segment_bytes": 12288,
    "keys": 1,
    "key_value_bytes": 20,
    "segments": [
        {"name": "0193f0c2", "shard": 0, "engine": "exact", "rows": 3, "live_rows": 3, "bytes": 12288}
    ],
    "degraded": None,
}


@FAMILY.operation(
    "POST",
    "/v1/namespaces",
    summary="Create a namespace",
    audit="namespace.create",
    scope=Scope.ADMIN,
    body=JsonBody(
        schemas.NewNamespace,
        {
            "vectors": {"name": "books", "dimension": 3, "metric": "cosine", "text": {"title": {}}},
            "text": {"name": "notes", "text": {"body": {"language": "german"}}},
        },
    ),
    answers=(
        Success("It is new.", schemas.NamespaceSummary, _BOOKS, status=201, headers=("Location",)),
        Success("It was there already, with the same settings.", schemas.NamespaceSummary, _BOOKS),
    ),
    errors=(409,),
    replay=IdempotentReplay.ACCEPTED,
)
def create_namespace(call: Call) -> Answer:
    """Settings are fixed at creation. Creating a namespace again with the same settings changes nothing; with others it
    is a conflict.
    """
    body = call.json(schemas.NewNamespace)
    call.trace.target = body.name[:NAMESPACE_CHARACTERS_SHOWN]
    call.principal.require_namespace(body.name)
    settings = NamespaceSettings(
        body.dimension,
        Metric(body.metric),
        EngineChoice(body.engine),
        Precision(body.precision),
        body.shards,
        body.purge_after_days,
        parse_text({name: one.model_dump() for name, one in body.text.items()}),
        parse_sparse(body.sparse),
        body.key_history,
    )
    namespace, new = call.services.namespaces.create(
        call.principal.tenant, body.name, settings, call.principal.grant
    )
    headers = (("Location", f"/v1/namespaces/{namespace.name}"),) if new else ()
    return json_answer(summary(namespace), 201 if new else 200, headers)


@FAMILY.operation(
    "GET",
    "/v1/namespaces",
    summary="List namespaces",
    scope=Scope.READ,
    query=schemas.ListNamespaces,
    answers=(Success("A page.", schemas.NamespacePage, {"namespaces": [_BOOKS], "cursor": None}),),
)
def list_namespaces(call: Call) -> Answer:
    """In name order; those that the key reaches."""
    query = call.query(schemas.ListNamespaces)
    page = call.services.namespaces.list(
        call.principal.tenant,
        prefix=query.prefix,
        cursor=query.cursor,
        limit=query.limit,
        among=call.principal.namespaces,
    )
    return json_answer(
        {"namespaces": [summary(namespace) for namespace in page.items], "cursor": page.cursor}
    )


@FAMILY.operation(
    "GET",
    "/v1/namespaces/{namespace}",
    summary="Describe a namespace",
    scope=Scope.READ,
    query=schemas.DescribeNamespace,
    answers=(Success("The namespace.", schemas.NamespaceDescription, {**_BOOKS, "stats": _STATS}),),
)
def describe_namespace(call: Call) -> Answer:
    """Its settings, and what it holds now."""
    namespace = call.namespace()
    stats = call.services.namespaces.stats(
        namespace, consistency_of(call, call.query(schemas.DescribeNamespace))
    )
    return json_answer(
        {
            **summary(namespace),
            "stats": {
                "records": stats.records,
                "deleted_rows": stats.deleted_rows,
                "tail_rows": stats.tail_rows,
                "segment_bytes": stats.segment_bytes,
                "keys": stats.keys,
                "key_value_bytes": stats.key_value_bytes,
                "segments": [
                    {
                        "name": segment.name,
                        "shard": segment.shard,
                        "engine": segment.engine,
                        "rows": segment.rows,
                        "live_rows": segment.live_rows,
                        "bytes": segment.bytes,
                    }
                    for segment in stats.segments
                ],
                "degraded": stats.degraded,
            },
            **({} if call.behind is None else {"freshness": freshness_document(call.behind)}),
        }
    )


@FAMILY.operation(
    "DELETE",
    "/v1/namespaces/{namespace}",
    summary="Delete a namespace",
    audit="namespace.delete",
    scope=Scope.ADMIN,
    answers=(Success("It is gone.", schemas.NamespaceDeleted, {"deleted": True}),),
    replay=IdempotentReplay.ACCEPTED,
)
def delete_namespace(call: Call) -> Answer:
    """With all its records and key-values, which are out of reach at once. The name is free at once."""
    call.services.namespaces.delete(call.principal.tenant, call.parameters["namespace"])
    return json_answer({"deleted": True})


def summary(namespace: Namespace) -> dict[str, object]:
    """A namespace as answers have it."""
    settings = namespace.settings
    return {
        "name": namespace.name,
        "dimension": settings.dimension,
        "metric": settings.metric.value,
        "engine": settings.engine.value,
        "precision": settings.precision.value,
        "shards": settings.shards,
        "purge_after_days": settings.purge_after_days,
        "text": text_document(settings.text),
        "sparse": settings.sparse,
        "key_history": settings.key_history,
        "created_at": rfc3339(namespace.created_at_ms),
    }
