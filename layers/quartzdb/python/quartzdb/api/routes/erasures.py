"""Routes of erasures: begin, describe, list."""

from __future__ import annotations

from quartzdb.api.answer import Answer, json_answer
from quartzdb.api.call import Call
from quartzdb.api.freshness import after
from quartzdb.api.operation import Family, IdempotentReplay, JsonBody, Success
from quartzdb.api.receipts import write_answer
from quartzdb.api.routes.vectors import VERSION
from quartzdb.api.schemas import erasures as schemas
from quartzdb.api.times import rfc3339, rfc3339_or_none
from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.filter import parse
from quartzdb.domain.limits import KEYS_JSON
from quartzdb.domain.units import units_deleted
from quartzdb.services.erasures import Report
from quartzdb.services.keys import Scope

FAMILY = Family("erasures", "Deletions that also leave the files, and reports of what is gone from where.")

_ID = "0193f3c2ab4d5b1c9e02aa4f"
_USED = {"read_units": 0, "write_units": 2, "cost_usd": "0.000016"}
_AT = "2025-01-01T12:00:00.000Z"
_GONE = {"status": "gone", "at": "2025-01-01T12:01:00.000Z", "until": None, "why": None}
_REPORT = {
    "id": _ID,
    "status": "pending",
    "requested_at": _AT,
    "deleted": 2,
    "places": [
        {"place": "segments", **_GONE},
        {"place": "log", **_GONE},
        {"place": "files", **_GONE},
        {
            "place": "idempotent_answers",
            "status": "pending",
            "at": None,
            "until": "2025-01-02T12:00:00.000Z",
            "why": "answers to earlier requests are kept",
        },
    ],
    "copies": [
        "Backups that were taken before have it until they are pruned; `quartzdb backup restore` erases it again."
    ],
}


@FAMILY.operation(
    "POST",
    "/v1/namespaces/{namespace}/erase",
    audit="records.erase",
    summary="Erase records or key-values",
    scope=Scope.WRITE,
    body=JsonBody(
        schemas.EraseRequest,
        {
            "ids": {"ids": ["dune", "ubik"]},
            "keys": {"keys": ["greeting"]},
            "filter": {"filter": {"year": {"$lt": 1900}}},
        },
        KEYS_JSON,
    ),
    answers=(
        Success(
            "They are deleted, and are being erased.",
            schemas.ErasureBegun,
            {"id": _ID, "status": "pending", "deleted": 2, "version": VERSION, "more": False, "usage": _USED},
            status=202,
            headers=("Location",),
        ),
    ),
    errors=(409,),
    replay=IdempotentReplay.ACCEPTED,
)
def erase(call: Call) -> Answer:
    """Delete them now, within the limits of a deletion, and have segments, log and files rewritten without them and
    without everything else of the namespace that was deleted before. `Location` is the report of how far that is.
    """
    namespace = call.namespace()
    body = call.json(schemas.EraseRequest)
    token = after(body.version)
    if sum(one is not None for one in (body.ids, body.keys, body.filter)) != 1:
        raise InvalidArgument(
            "An erasure needs exactly one of `ids`, `keys` and `filter`.",
            field="ids",
            hint='Erase all records with {"filter": {}}.',
        )
    erasures = call.services.erasures
    if body.ids is not None:
        begun = erasures.of_ids(namespace, body.ids, after=token)
    elif body.keys is not None:
        begun = erasures.of_keys(namespace, body.keys, after=token)
    else:
        begun = erasures.of_matching(namespace, parse(body.filter), after=token)
    deleted = begun.erasure.records + begun.erasure.keys
    document = {
        "id": begun.erasure.id,
        "status": "pending",
        "deleted": deleted,
        "version": None if begun.version is None else str(begun.version),
        "more": begun.more,
    }
    place = f"/v1/namespaces/{namespace.name}/erasures/{begun.erasure.id}"
    units = units_deleted(len(body.ids or body.keys or ()) or deleted)
    return write_answer(call, document, units, records=deleted, status=202, headers=(("Location", place),))


@FAMILY.operation(
    "GET",
    "/v1/namespaces/{namespace}/erasures/{id}",
    summary="Describe an erasure",
    scope=Scope.READ,
    answers=(Success("How far it is.", schemas.ErasureReport, _REPORT),),
)
def describe_erasure(call: Call) -> Answer:
    """What is gone from where, and since when; what is not yet, and until when where that is known."""
    return json_answer(
        erasure_document(call.services.erasures.report(call.namespace(), call.parameters["id"]))
    )


@FAMILY.operation(
    "GET",
    "/v1/namespaces/{namespace}/erasures",
    summary="List erasures",
    scope=Scope.READ,
    query=schemas.ListErasures,
    answers=(Success("A page.", schemas.ErasurePage, {"erasures": [_REPORT], "cursor": None}),),
)
def list_erasures(call: Call) -> Answer:
    """The oldest first. One stays in the list until 400 days after everything was gone."""
    query = call.query(schemas.ListErasures)
    page = call.services.erasures.list(call.namespace(), cursor=query.cursor, limit=query.limit)
    return json_answer(
        {"erasures": [erasure_document(report) for report in page.items], "cursor": page.cursor}
    )


def erasure_document(report: Report) -> dict[str, object]:
    """A report as answers have it."""
    return {
        "id": report.erasure.id,
        "status": _status(report.gone),
        "requested_at": rfc3339(report.erasure.at_ms),
        "deleted": report.erasure.records + report.erasure.keys,
        "places": [
            {
                "place": place.name,
                "status": _status(place.gone),
                "at": rfc3339_or_none(place.at_ms),
                "until": rfc3339_or_none(place.until_ms),
                "why": place.why,
            }
            for place in report.places
        ],
        "copies": list(report.copies),
    }


def _status(gone: bool) -> str:
    return "gone" if gone else "pending"
