"""Routes of records: upsert, list, fetch, patch, delete, count. Queries have their own module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from quartzdb.api.answer import Answer, encoded_bytes
from quartzdb.api.call import Call
from quartzdb.api.freshness import after, consistency_of
from quartzdb.api.operation import Family, IdempotentReplay, JsonBody, Success
from quartzdb.api.preconditions import (
    CONDITIONS,
    condition_of_one,
    conditions_of,
    etag_of,
    no_condition,
    unchanged,
)
from quartzdb.api.receipts import USAGE_HEADER, quote, read_answer, usage_header, write_answer
from quartzdb.api.schemas import vectors as schemas
from quartzdb.api.times import rfc3339
from quartzdb.domain.answer_budget import AnswerBudget, vector_bytes
from quartzdb.domain.change import Metadata
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.filter import parse
from quartzdb.domain.limits import (
    DELETE_BY_FILTER_MAX,
    FETCH_IDS_MAX,
    FILTER_JSON,
    IDS_JSON,
    PATCH_BY_FILTER_MAX,
    RECORD_JSON,
    WRITE_JSON,
)
from quartzdb.domain.metadata import check_metadata
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.record import Record
from quartzdb.domain.units import Units, units_deleted, units_written
from quartzdb.domain.vector import NO_VECTOR, Vector, parse_vector, to_base64
from quartzdb.services.keys import Scope
from quartzdb.services.record_expiry import asked_moment
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.services.records import Deletion

FAMILY = Family("vectors", "Records: an id, a vector and metadata.")

VERSION = "0197f3c2ab4d0000.local.3f9c2a1b"
READ = {"read_units": 1, "write_units": 0, "cost_usd": "0.000012"}
WRITTEN = {"read_units": 0, "write_units": 1, "cost_usd": "0.000008"}
_DUNE = {"id": "dune", "vector": [0.9, 0.1, 0.0], "metadata": {"year": 1965, "tags": ["desert"]}}
_UBIK = {"id": "ubik", "vector": "zcxMP5qZmT7NzMw9", "metadata": {"year": 1969}}


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/vectors",
    summary="Upsert records",
    scope=Scope.WRITE,
    body=JsonBody(
        schemas.UpsertRequest,
        {
            "numbers": {"vectors": [_DUNE]},
            "base64": {"vectors": [_UBIK], "version": VERSION},
            "expiring": {"vectors": [{**_DUNE, "ttl_seconds": 3600}]},
        },
        WRITE_JSON,
    ),
    headers=CONDITIONS,
    answers=(
        Success(
            "All are written.",
            schemas.Upserted,
            {"upserted": 1, "version": VERSION, "usage": WRITTEN},
            headers=("ETag",),
        ),
    ),
    errors=(412,),
    replay=IdempotentReplay.ACCEPTED,
)
def upsert_vectors(call: Call) -> Answer:
    """Write records whole, new or in place of those with the same id: all of them or none. They can be searched as soon
    as this is answered. `if_version` and `if_absent` are conditions of single records: if one does not hold nothing is
    written, and the problem's `failures` name each that did not. `If-Match` and `If-None-Match` are for a batch of one
    record; with more it is refused.
    """
    namespace = call.namespace()
    body = call.json(schemas.UpsertRequest)
    now_ms = call.services.clock.unix_ms()
    records = [
        NewRecord(
            record.id,
            NO_VECTOR
            if record.vector is None
            else parse_vector(record.vector, field=f"vectors[{position}].vector"),
            _metadata(record.metadata),
            asked_moment(record.ttl_seconds, record.expires_at, now_ms, f"vectors[{position}]."),
        )
        for position, record in enumerate(body.vectors)
    ]
    if body.dry_run:
        call.services.records.check_upsert(namespace, records)
        return quote(call, units_of_records(namespace, records))
    version = call.services.records.upsert(
        namespace,
        records,
        conditions=conditions_of(call.headers, body.vectors),
        after=after(body.version),
    )
    etag = (("ETag", etag_of(version)),) if len(records) == 1 else ()
    return write_answer(
        call,
        {"upserted": len(records), "version": str(version)},
        units_of_records(namespace, records),
        records=len(records),
        headers=etag,
    )


@FAMILY.operation(
    "GET",
    "/v1/namespaces/{namespace}/vectors",
    summary="List ids",
    scope=Scope.READ,
    query=schemas.ListRecords,
    answers=(Success("A page.", schemas.IdPage, {"ids": ["dune", "ubik"], "cursor": None, "usage": READ}),),
)
def list_vectors(call: Call) -> Answer:
    """In order. Records that are written while a listing goes on may or may not be in it."""
    query = call.query(schemas.ListRecords)
    page = call.services.records.list(
        call.namespace(),
        prefix=query.prefix,
        cursor=query.cursor,
        limit=query.limit,
        consistency=consistency_of(call, query),
    )
    return read_answer(call, {"ids": page.items, "cursor": page.cursor}, records=len(page.items))


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/vectors/fetch",
    summary="Fetch records",
    scope=Scope.READ,
    body=JsonBody(schemas.Fetch, {"some": {"ids": ["dune", "emma"]}}, IDS_JSON),
    answers=(
        Success(
            "Those that exist.",
            schemas.Fetched,
            {"records": [{**_DUNE, "version": VERSION}], "missing": ["emma"], "usage": READ},
        ),
    ),
)
def fetch_vectors(call: Call) -> Answer:
    """Read records by id. An id that does not exist is no error."""
    namespace = call.namespace()
    body = call.json(schemas.Fetch)
    ids = list(dict.fromkeys(body.ids))
    size = vector_bytes(namespace.settings.vector_size, body.encoding)
    AnswerBudget().take_records(min(len(ids), FETCH_IDS_MAX), size, "ids")
    found = call.services.records.fetch(namespace, ids, consistency_of(call, body))
    return read_answer(
        call,
        {
            "records": [record_document(found[one], body.encoding) for one in ids if one in found],
            "missing": [one for one in ids if one not in found],
        },
        records=len(found),
        dry_run=body.dry_run,
    )


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/vectors/patch",
    summary="Patch metadata of several records",
    scope=Scope.WRITE,
    body=JsonBody(
        schemas.PatchRequest,
        {
            "one": {"patches": [{"id": "dune", "set": {"read": True}, "unset": ["tags"]}]},
            "filter": {"filter": {"year": {"$lt": 1966}}, "set": {"era": "early"}},
            "expiry": {"patches": [{"id": "dune", "ttl_seconds": 3600}, {"id": "ubik", "expires_at": None}]},
        },
        WRITE_JSON,
    ),
    headers=CONDITIONS,
    answers=(
        Success(
            "All are patched.", schemas.PatchResult, {"patched": 1, "version": VERSION, "usage": WRITTEN}
        ),
    ),
    errors=(412,),
    replay=IdempotentReplay.ACCEPTED,
)
def patch_vectors(call: Call) -> Answer:
    """Set and remove top-level metadata fields, and say when records expire: of all of them or of none. `expires_at`
    null: a record no longer expires. Vectors stay as they are. `If-Match`
    and `If-None-Match` are for a batch of one record; with more it is refused. With a filter, the same fields of all
    records that it accepts: of at most 10,000 in one request, in the order of their ids, and `cursor` goes on where
    they end. It uses the write units of the fields for each record.
    """
    namespace = call.namespace()
    body = call.json(schemas.PatchRequest)
    if (body.patches is None) == (body.filter is None):
        raise InvalidArgument(
            "A patch needs exactly one of `patches` and `filter`.",
            field="patches",
            hint='Patch everything with {"filter": {}, "set": {…}}.',
        )
    if body.patches is None:
        return _patch_matching(call, namespace, body)
    if body.model_fields_set & {"set", "unset", "cursor", "ttl_seconds", "expires_at"}:
        raise InvalidArgument(
            "`set`, `unset`, `ttl_seconds`, `expires_at` and `cursor` go with a filter.",
            field="set",
            hint="Each of `patches` has its own.",
        )
    patches = [
        _patch(call, patch.id, patch, f"patches[{position}].") for position, patch in enumerate(body.patches)
    ]
    if body.dry_run:
        return _quoted_patches(call, namespace, patches)
    conditions = condition_of_one(call.headers, [patch.id for patch in patches])
    version = call.services.records.patch(
        namespace, patches, conditions=conditions, after=after(body.version)
    )
    return write_answer(
        call,
        {"patched": len(patches), "version": str(version)},
        _units_of(patches),
        records=len(patches),
    )


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/vectors/delete",
    audit="records.delete",
    summary="Delete records by ids or filter",
    scope=Scope.WRITE,
    body=JsonBody(
        schemas.DeleteRequest,
        {"ids": {"ids": ["dune", "ubik"]}, "filter": {"filter": {"year": {"$lt": 1900}}}},
        IDS_JSON,
    ),
    headers=CONDITIONS,
    errors=(412,),
    answers=(
        Success(
            "They are gone.",
            schemas.Deleted,
            {
                "deleted": 2,
                "version": VERSION,
                "more": False,
                "usage": {"read_units": 0, "write_units": 2, "cost_usd": "0.000016"},
            },
        ),
    ),
    replay=IdempotentReplay.ACCEPTED,
)
def delete_vectors(call: Call) -> Answer:
    """By ids, of which some may not exist, or by a filter. One request deletes at most 100,000 records that match a
    filter; `more` says whether there are others. `If-Match` and `If-None-Match` are for one id; with more, or with a
    filter, it is refused. It uses a write unit for each id that is named, and for each record that matches.
    """
    namespace = call.namespace()
    body = call.json(schemas.DeleteRequest)
    token = after(body.version)
    if (body.ids is None) == (body.filter is None):
        raise InvalidArgument(
            "A deletion needs exactly one of `ids` and `filter`.",
            field="ids",
            hint='Delete everything with {"filter": {}}.',
        )
    records = call.services.records
    if body.ids is not None:
        conditions = condition_of_one(call.headers, body.ids)
        if body.dry_run:
            records.check_delete(namespace, body.ids)
            return quote(call, units_deleted(len(body.ids)))
        deletion = records.delete(namespace, body.ids, conditions=conditions, after=token)
        return _deleted(call, deletion, len(body.ids))
    no_condition(call.headers, "a filter names records, not one record.")
    condition = parse(body.filter)
    if body.dry_run:
        matching = records.count(namespace, condition)
        return quote(call, units_deleted(min(matching, DELETE_BY_FILTER_MAX)))
    deletion = records.delete_matching(namespace, condition, after=token)
    return _deleted(call, deletion, deletion.deleted)


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/vectors/count",
    summary="Count records",
    scope=Scope.READ,
    body=JsonBody(
        schemas.Count, {"some": {"filter": {"year": {"$gte": 1960}}}, "all": {}}, FILTER_JSON, optional=True
    ),
    answers=(Success("The number.", schemas.CountResult, {"count": 2, "usage": READ}),),
)
def count_vectors(call: Call) -> Answer:
    """All records, or those that a filter accepts. The number is exact."""
    namespace = call.namespace()
    body = call.json(schemas.Count, optional=True)
    condition = None if body.filter is None else parse(body.filter)
    count = call.services.records.count(namespace, condition, consistency_of(call, body))
    return read_answer(call, {"count": count}, dry_run=body.dry_run)


@FAMILY.operation(
    "GET",
    "/v1/namespaces/{namespace}/vectors/{id}",
    summary="Fetch a record",
    scope=Scope.READ,
    query=schemas.FetchOne,
    headers=CONDITIONS,
    answers=(
        Success(
            "The record.",
            schemas.RecordDocument,
            {**_DUNE, "version": VERSION, "usage": READ},
            headers=("ETag",),
        ),
        Success(
            "The record is still at a version that If-None-Match names.",
            None,
            status=304,
            content_type=None,
            headers=("ETag", USAGE_HEADER),
        ),
    ),
    errors=(412,),
)
def fetch_vector(call: Call) -> Answer:
    """One record with its vector and metadata, and its version as ETag."""
    query = call.query(schemas.FetchOne)
    record = call.services.records.fetch_one(
        call.namespace(), call.parameters["id"], consistency_of(call, query)
    )
    headers = (("ETag", etag_of(record.version)), ("Cache-Control", "private, no-cache"))
    if unchanged(call.headers, record.version):
        return Answer(304, content_type=None, headers=(*headers, *usage_header(call, 0)))
    return read_answer(call, record_document(record, query.encoding), records=1, headers=headers)


@FAMILY.operation(
    "PATCH",
    "/v1/namespaces/{namespace}/vectors/{id}",
    summary="Patch a record's metadata",
    scope=Scope.WRITE,
    body=JsonBody(schemas.PatchOne, {"one": {"set": {"read": True}, "unset": ["tags"]}}, RECORD_JSON),
    headers=CONDITIONS,
    answers=(
        Success(
            "It is patched.",
            schemas.PatchResult,
            {"patched": 1, "version": VERSION, "usage": WRITTEN},
            headers=("ETag",),
        ),
    ),
    errors=(412,),
    replay=IdempotentReplay.ACCEPTED,
)
def patch_vector(call: Call) -> Answer:
    """Set and remove top-level metadata fields of one record, and say when it expires: `expires_at` null takes that
    back. Its vector stays as it is.
    """
    namespace = call.namespace()
    body = call.json(schemas.PatchOne)
    patch = _patch(call, call.parameters["id"], body, "")
    if body.dry_run:
        return _quoted_patches(call, namespace, [patch])
    version = call.services.records.patch(
        namespace,
        [patch],
        conditions=condition_of_one(call.headers, [patch.id]),
        after=after(body.version),
    )
    return write_answer(
        call,
        {"patched": 1, "version": str(version)},
        _units_of([patch]),
        records=1,
        headers=(("ETag", etag_of(version)),),
    )


@FAMILY.operation(
    "DELETE",
    "/v1/namespaces/{namespace}/vectors/{id}",
    summary="Delete a record",
    scope=Scope.WRITE,
    query=schemas.DeleteOne,
    headers=CONDITIONS,
    errors=(412,),
    answers=(
        Success(
            "It is gone.",
            schemas.Deleted,
            {"deleted": 1, "version": VERSION, "more": False, "usage": WRITTEN},
        ),
    ),
    replay=IdempotentReplay.ACCEPTED,
)
def delete_vector(call: Call) -> Answer:
    """One record. Deleting one that does not exist is no error: `deleted` is 0 then."""
    query = call.query(schemas.DeleteOne)
    record_id = call.parameters["id"]
    deletion = call.services.records.delete(
        call.namespace(),
        [record_id],
        conditions=condition_of_one(call.headers, [record_id]),
        after=after(query.version),
    )
    return _deleted(call, deletion, 1)


def vector_document(vector: Vector, encoding: str) -> object:
    """A vector as answers have it; the array is written by the JSON encoder."""
    return to_base64(vector) if encoding == "base64" else vector


def record_document(record: Record, encoding: str) -> dict[str, object]:
    """A record as answers have it."""
    document: dict[str, object] = {"id": record.id}
    if record.vector.size:
        document["vector"] = vector_document(record.vector, encoding)
    document |= {"metadata": record.metadata, "version": str(record.version)}
    if record.expires_at_ms is not None:
        document["expires_at"] = rfc3339(record.expires_at_ms)
    return document


def units_of_records(namespace: Namespace, records: Iterable[NewRecord]) -> Units:
    """What it takes to write records that were checked."""
    vector = namespace.settings.vector_bytes
    return units_written(vector + encoded_bytes(record.metadata) for record in records)


def _metadata(document: object) -> Metadata:
    # Whatever else it is, the service checks it, and says what is wrong with it.
    return {} if document is None else cast(Metadata, document)


def _patch(
    call: Call,
    record_id: str,
    body: schemas.PatchOne | schemas.RecordPatch | schemas.PatchRequest,
    prefix: str,
) -> MetadataPatch:
    checked = {} if body.set is None else check_metadata(body.set, field=f"{prefix}set")
    moment = asked_moment(body.ttl_seconds, body.expires_at, call.services.clock.unix_ms(), prefix)
    keeps = moment is None and "expires_at" in body.model_fields_set
    return MetadataPatch(record_id, checked, tuple(body.unset), moment, keeps)


def _patch_matching(call: Call, namespace: Namespace, body: schemas.PatchRequest) -> Answer:
    no_condition(call.headers, "a filter names records, not one record.")
    condition = parse(body.filter)
    fields = _patch(call, "", body, "")
    of_one = _units_of([fields])
    records = call.services.records
    if body.dry_run:
        records.check_fields(namespace, fields)
        matching = records.count(namespace, condition)
        return quote(call, Units(write=of_one.write * min(matching, PATCH_BY_FILTER_MAX)))
    patched = records.patch_matching(
        namespace, condition, fields, cursor=body.cursor, after=after(body.version)
    )
    return write_answer(
        call,
        {
            "patched": patched.count,
            "version": None if patched.version is None else str(patched.version),
            "cursor": patched.cursor,
        },
        Units(write=max(1, of_one.write * patched.count)),
        records=patched.count,
    )


def _units_of(patches: Sequence[MetadataPatch]) -> Units:
    return units_written(
        encoded_bytes(patch.set) + (encoded_bytes(patch.unset) if patch.unset else 0) for patch in patches
    )


def _quoted_patches(call: Call, namespace: Namespace, patches: Sequence[MetadataPatch]) -> Answer:
    call.services.records.check_patches(namespace, patches)
    return quote(call, _units_of(patches))


def _deleted(call: Call, deletion: Deletion, named: int) -> Answer:
    version = None if deletion.version is None else str(deletion.version)
    document = {"deleted": deletion.deleted, "version": version, "more": deletion.more}
    return write_answer(call, document, units_deleted(named), records=deletion.deleted)
