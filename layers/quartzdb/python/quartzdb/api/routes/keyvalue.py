"""Routes of single key-value items: bytes in, the same bytes out, with compare-and-set by ETag."""

from __future__ import annotations

from quartzdb.api.answer import Answer, Headers
from quartzdb.api.call import Call
from quartzdb.api.freshness import consistency_of
from quartzdb.api.operation import Family, IdempotentReplay, RawBody, Success
from quartzdb.api.preconditions import VERSION_HEADER, after_of, condition_of, etag_of, unchanged
from quartzdb.api.receipts import USAGE_HEADER, usage_header, write_answer
from quartzdb.api.routes.vectors import VERSION, WRITTEN
from quartzdb.api.schemas import keyvalue as schemas
from quartzdb.api.times import rfc3339
from quartzdb.domain.hlc import Version
from quartzdb.domain.limits import VALUE_BYTES_MAX
from quartzdb.domain.units import units_deleted, units_put
from quartzdb.services.keys import Scope
from quartzdb.services.keyvalue import DEFAULT_CONTENT_TYPE, NewItem

FAMILY = Family("key-value", "Bytes by key, with expiry and compare-and-set.")

_PATH = "/v1/namespaces/{namespace}/kv/{key:path}"
_ITEM_HEADERS = ("ETag", VERSION_HEADER, "X-QuartzDB-Expires", USAGE_HEADER)
_ITEM = Success(
    "The value, with the Content-Type it was put with.",
    None,
    "good morning",
    content_type="*/*",
    headers=_ITEM_HEADERS,
)
_UNCHANGED = Success(
    "The value is still the one that If-None-Match names.",
    None,
    status=304,
    content_type=None,
    headers=_ITEM_HEADERS,
)


@FAMILY.operation(
    "PUT",
    _PATH,
    summary="Put a value",
    scope=Scope.WRITE,
    query=schemas.PutQuery,
    headers=("Content-Type", "If-Match", "If-None-Match", VERSION_HEADER),
    body=RawBody("The value, as it is.", "good morning", VALUE_BYTES_MAX),
    answers=(
        Success(
            "It is stored.",
            schemas.PutParameters,
            {"key": "greeting", "version": VERSION, "usage": WRITTEN},
            headers=("ETag", VERSION_HEADER),
        ),
    ),
    errors=(412,),
    replay=IdempotentReplay.ACCEPTED,
)
def put_value(call: Call) -> Answer:
    """The key is the rest of the path; slashes in it may be encoded or not. With `If-Match` or `If-None-Match: *` the
    value is only stored if the key is still at that version, or does not exist.
    """
    query = call.query(schemas.PutQuery)
    item = NewItem(
        call.parameters["key"],
        call.body,
        call.headers.get("content-type") or DEFAULT_CONTENT_TYPE,
        query.ttl_seconds,
    )
    namespace = call.namespace()
    version = call.services.key_values.put(
        namespace, item, match=condition_of(call.headers), after=after_of(call.headers)
    )
    return write_answer(
        call,
        {"key": item.key, "version": str(version)},
        units_put([len(item.value)], key_history=namespace.settings.key_history),
        records=1,
        headers=_version_headers(version),
    )


@FAMILY.operation(
    "HEAD",
    _PATH,
    name="head_value",
    summary="Look at a value's headers",
    scope=Scope.READ,
    query=schemas.GetQuery,
    headers=("If-Match", "If-None-Match"),
    errors=(412,),
    answers=(_ITEM, _UNCHANGED),
)
@FAMILY.operation(
    "GET",
    _PATH,
    summary="Get a value",
    scope=Scope.READ,
    query=schemas.GetQuery,
    headers=("If-Match", "If-None-Match"),
    errors=(412,),
    answers=(_ITEM, _UNCHANGED),
)
def get_value(call: Call) -> Answer:
    """The bytes as they were put, with their Content-Type and an ETag. Always the latest that was acknowledged."""
    consistency_of(call, call.query(schemas.GetQuery))
    item = call.services.key_values.get(call.namespace(), call.parameters["key"])
    headers: Headers = (
        *_version_headers(item.version),
        # Another's bytes under our address: no browser may run them, and no cache hand them out unasked.
        ("Content-Security-Policy", "sandbox; default-src 'none'"),
        ("Cache-Control", "private, no-cache"),
    )
    if item.expires_at_ms is not None:
        headers += (("X-QuartzDB-Expires", rfc3339(item.expires_at_ms)),)
    value = item.value or b""
    if unchanged(call.headers, item.version):
        return Answer(304, content_type=None, headers=(*headers, *usage_header(call, 0)))
    sent = 0 if call.method == "HEAD" else len(value)
    return Answer(200, value, item.content_type, (*headers, *usage_header(call, sent)))


@FAMILY.operation(
    "DELETE",
    _PATH,
    summary="Delete a key",
    scope=Scope.WRITE,
    headers=("If-Match", "If-None-Match", VERSION_HEADER),
    answers=(
        Success(
            "It is gone.",
            schemas.KeyDeleted,
            {"deleted": True, "version": VERSION, "usage": WRITTEN},
            headers=(VERSION_HEADER,),
        ),
    ),
    errors=(412,),
    replay=IdempotentReplay.ACCEPTED,
)
def delete_value(call: Call) -> Answer:
    """Deleting a key that does not exist is no error: `deleted` is false then."""
    version, existed = call.services.key_values.delete(
        call.namespace(),
        call.parameters["key"],
        match=condition_of(call.headers),
        after=after_of(call.headers),
    )
    return write_answer(
        call,
        {"deleted": existed, "version": str(version)},
        units_deleted(1),
        records=int(existed),
        headers=((VERSION_HEADER, str(version)),),
    )


def _version_headers(version: Version) -> Headers:
    return ("ETag", etag_of(version)), (VERSION_HEADER, str(version))
