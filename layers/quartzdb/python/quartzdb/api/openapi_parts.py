"""Parts that many operations share in the OpenAPI document: parameters, headers, errors, security."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from quartzdb.api.answer import JSON
from quartzdb.api.errors import PROBLEM, PROBLEM_TYPES, reason, title_of
from quartzdb.api.freshness import APPLIED_HEADER, BEHIND_HEADER, CONSISTENCY_HEADER
from quartzdb.api.operation import Access, IdempotentReplay, Operation
from quartzdb.api.preconditions import VERSION_HEADER
from quartzdb.api.surface import is_cloudflare
from quartzdb.domain.limits import (
    CONTENT_TYPE_CHARACTERS_MAX,
    ID_BYTES_MAX,
    ID_PATTERN,
    IDEMPOTENCY_KEY_CHARACTERS_MAX,
    KEY_CHARACTERS_MAX,
    NAMESPACE_NAME_PATTERN,
)
from quartzdb.replication.wire.limits import BUCKETS
from quartzdb.services.keys import Scope

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "peer": {
        "type": "http",
        "scheme": "bearer",
        "description": "`Authorization: Bearer SECRET`, a secret of two sites that replicate. No API key is one.",
    },
}
_OF_KEYS = ("bearer", "header")

_PATH: dict[str, tuple[str, dict[str, Any]]] = {
    "namespace": ("The namespace's name.", {"type": "string", "pattern": NAMESPACE_NAME_PATTERN}),
    "key": (
        "The key, percent-encoded. It may have slashes.",
        {"type": "string", "minLength": 1, "maxLength": KEY_CHARACTERS_MAX},
    ),
    "id": (
        "The id, percent-encoded.",
        {"type": "string", "pattern": ID_PATTERN, "minLength": 1, "maxLength": ID_BYTES_MAX},
    ),
    "bucket": (
        "The first byte of the SHA-256 of an id.",
        {"type": "integer", "minimum": 0, "maximum": BUCKETS - 1},
    ),
}
_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Content-Type": (
        "Kept, and sent with the value. By default application/octet-stream.",
        {"type": "string", "maxLength": CONTENT_TYPE_CHARACTERS_MAX},
    ),
    "If-Match": (
        "ETags, or `*`: only if the record or key is at one of these versions now, or exists.",
        {"type": "string", "pattern": '^([*]|"[!#-~]*"(, ?"[!#-~]*")*)$'},
    ),
    "Last-Event-ID": (
        "Of an event stream that goes on: the id of the last event that came, which is a cursor. It goes before the "
        "parameters that say where to begin.",
        {"type": "string", "maxLength": 8192},
    ),
    "If-None-Match": (
        "ETags, or `*`: only if the record or key is at none of these versions now, or does not exist.",
        {"type": "string", "pattern": '^([*]|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$'},
    ),
    VERSION_HEADER: (
        "The version of an earlier answer: this write is ordered after it.",
        {"type": "string", "pattern": r"^[0-7][0-9a-f]{15}\.[A-Za-z0-9._-]{1,64}$"},
    ),
    "Idempotency-Key": (
        "The same request under the same key is done once, and answered the same again for a day. A request that was "
        "refused leaves the key free.",
        {
            "type": "string",
            "minLength": 1,
            "maxLength": IDEMPOTENCY_KEY_CHARACTERS_MAX,
            "pattern": "^[ -~]*$",
        },
    ),
}


def _response_header(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string", **schema}}


RESPONSE_HEADERS: dict[str, Any] = {
    "X-Request-Id": _response_header(
        "Names this request in the log; the request's own one where it has a sane one."
    ),
    "Location": _response_header("The namespace's path."),
    "ETag": _response_header("The version in quotes, for If-Match and If-None-Match."),
    VERSION_HEADER: _response_header("The version of the item, or of the write."),
    "X-QuartzDB-Expires": _response_header("When the item ends, if it does.", format="date-time"),
    CONSISTENCY_HEADER: _response_header(
        "`eventual`, only where another site is the active one: writes made there come here a little later."
    ),
    BEHIND_HEADER: _response_header("Then for how many milliseconds they may be missing, if that is known."),
    APPLIED_HEADER: _response_header("Then the version up to which every write of the active site is here."),
    "X-Usage": _response_header("What the request used, as JSON: `read_units`, `write_units`, `cost_usd`."),
    "Retry-After": _response_header("Seconds to wait."),
    "RateLimit-Policy": _response_header("The quota and its window."),
    "RateLimit": _response_header("What is left of the quota, and seconds until it grows again."),
    "WWW-Authenticate": _response_header("Bearer."),
}

FRESHNESS_HEADERS = (CONSISTENCY_HEADER, BEHIND_HEADER, APPLIED_HEADER)

_ERRORS: dict[int, tuple[str, str, str, str | None, str | None]] = {
    400: (
        "The request breaks a documented rule.",
        "dimension_mismatch",
        "The vector has 2 numbers but the namespace has dimension 3.",
        "vectors[0].vector",
        "Send exactly 3 numbers, or use a namespace with dimension 2.",
    ),
    401: (
        "No key, or not a good one.",
        "unauthenticated",
        "No API key was given.",
        None,
        "Send `X-API-Key: KEY`.",
    ),
    402: (
        "The plan allows no more of it, or something is used up. `limit`, `used`, `allowed`, `unit`, `resets_at` and "
        "`raise_at` say what.",
        "limit_reached",
        "This project's reads are refused, because a limit is reached: monthly reads, 250,000 of 250,000 read units.",
        None,
        "Raise it at https://quartzdb.example.com/platform/organizations/org_1/plan",
    ),
    403: (
        "The key does not have the scope.",
        "forbidden",
        "This key does not have the scope 'write' (it has read).",
        None,
        "Use a key that has it, or create one.",
    ),
    404: (
        "What was named does not exist.",
        "namespace_not_found",
        "There is no namespace 'books'.",
        "namespace",
        "Create it with POST /v1/namespaces.",
    ),
    408: (
        "The sender of the body paused for too long.",
        "body_timeout",
        "Nothing more of the body came for 30 s.",
        None,
        "Send it without a pause.",
    ),
    406: (
        "Nothing can be sent in the form that is asked for.",
        "no_event_stream",
        "This site sends no event streams.",
        "Accept",
        "Ask for application/json with `wait`, again and again, with the cursor of each answer.",
    ),
    409: (
        "The request contradicts the present state, its first sending is still under way, or `version` is of a write "
        "at the other site that has not come here yet. With `Retry-After` it is good to be sent again.",
        "idempotency_conflict",
        "The first request under this idempotency key is still under way.",
        "Idempotency-Key",
        "Try again in a moment.",
    ),
    410: (
        "The change feed is not kept from that cursor on.",
        "feed_gap",
        "The feed is not kept from that cursor on.",
        "cursor",
        "Compare digests and repair what differs, then go on from `cursor`.",
    ),
    412: (
        "A compare-and-set did not find what it expected.",
        "precondition_failed",
        "The key must not exist, but it is at version 0197f3c2ab4d0000.local.3f9c2a1b.",
        "key",
        "Read the key again and decide anew.",
    ),
    413: (
        "The body is too large, as sent or decompressed, or has too many values.",
        "body_too_large",
        "The request body is larger than 67108864 bytes, as sent or decompressed.",
        None,
        "Split the request into smaller ones.",
    ),
    415: (
        "The body's Content-Type or Content-Encoding is not read.",
        "unsupported_media_type",
        "The body must be JSON, but its Content-Type is none.",
        "Content-Type",
        "Send Content-Type: application/json.",
    ),
    422: (
        "The request asks for more at once than one request may, or its idempotency key was used for a different one.",
        "idempotency_mismatch",
        "The idempotency key was used before for a different request.",
        "Idempotency-Key",
        "Use a new key for each new request.",
    ),
    429: ("Too many requests.", "rate_limited", "Too many requests.", None, "Try again in 3 s."),
    500: (
        "Something went wrong inside.",
        "internal_error",
        "Something went wrong inside. The request id is 5f2b8c0d91ae.",
        None,
        "If it happens again, report the request id.",
    ),
    503: (
        "The request is good and may succeed when it is sent again. Nothing was changed, unless `code` is "
        "`outcome_unknown` or `deadline_exceeded`: then a write may have been made, and sending it again is safe.",
        "overloaded",
        "512 requests are under way already.",
        None,
        "Try again, with a growing pause.",
    ),
}
"""Description, and an example's code, detail, field and hint."""
_ERROR_HEADERS = {
    401: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After", "RateLimit-Policy", "RateLimit"),
    503: ("Retry-After",),
}


def schemes_of(scope: Scope | Access | None) -> tuple[str, ...]:
    """Names of the security schemes that let a request in."""
    if scope is None:
        return ()
    if isinstance(scope, Scope):
        return _OF_KEYS
    return ("peer",) if scope is Access.PEER else ("peer", *_OF_KEYS)


def needs(scope: Scope | Access) -> str:
    """What a request must carry, in words."""
    if isinstance(scope, Scope):
        return f"Needs a key with the scope `{scope.value}`."
    return "Needs the secret of the two sites" + (
        "." if scope is Access.PEER else ", or a key with the scope `admin`."
    )


def path_parameters(path: str) -> list[dict[str, Any]]:
    """The parameters of a path template."""
    parameters = []
    for name in re.findall(r"\{(\w+)(?::path)?\}", path):
        description, schema = _PATH[name]
        parameters.append(
            {"name": name, "in": "path", "required": True, "description": description, "schema": schema}
        )
    return parameters


def header_parameter(name: str) -> dict[str, Any]:
    """A request header."""
    description, schema = _HEADERS[name]
    return {"name": name, "in": "header", "description": description, "schema": schema}


def error_statuses(operation: Operation) -> set[int]:
    """Which errors an operation may answer: they follow from what it is."""
    compatible = is_cloudflare(operation.path)
    statuses = {500, *operation.errors}
    if operation.scope is not None:
        statuses |= {400, 401, 429, 503}
        if not compatible and operation.scope is not Access.PEER:
            statuses |= {403}
            if operation.may_reach_a_limit:
                statuses |= {402}
    if not compatible:
        statuses |= {400}
        if "{namespace}" in operation.path:
            statuses |= {404}
            if operation.scope is Scope.READ:
                statuses |= {409, 422}
    if operation.body is not None:
        statuses |= {413} if compatible else {408, 413, 415}
    if operation.replay is IdempotentReplay.ACCEPTED:
        statuses |= {409, 422}
    return statuses


def error_response(operation: Operation, status: int) -> dict[str, str]:
    """A reference to an error in its surface's form."""
    return {"$ref": f"#/components/responses/{_name(operation, status)}"}


def error_responses(operations: Sequence[Operation]) -> dict[str, Any]:
    """All errors that are referred to."""
    return {
        _name(operation, status): _error(status, compatible=is_cloudflare(operation.path))
        for operation in operations
        for status in sorted(error_statuses(operation))
    }


def _name(operation: Operation, status: int) -> str:
    words = "".join(word.capitalize() for word in re.findall(r"[A-Za-z]+", reason(status)))
    return f"Cloudflare{words}" if is_cloudflare(operation.path) else words


def _error(status: int, *, compatible: bool) -> dict[str, Any]:
    description, code, detail, field, hint = _ERRORS[status]
    names = ("X-Request-Id", *_ERROR_HEADERS.get(status, ()))
    if compatible:
        schema, media = "CloudflareError", JSON
        example: dict[str, Any] = {"success": False, "error": detail, "code": code}
    else:
        schema, media = "Problem", PROBLEM
        example = {
            "type": f"{PROBLEM_TYPES}#{code}",
            "title": title_of(code),
            "status": status,
            "detail": detail,
            "code": code,
            "field": field,
            "hint": hint,
            "request_id": "5f2b8c0d91ae",
        }
    return {
        "description": description,
        "headers": {name: RESPONSE_HEADERS[name] for name in names},
        "content": {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}},
    }
