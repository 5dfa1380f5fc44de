"""The OpenAPI 3.1 document, written from the same declarations that are served.

It names every status that a route may answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quartzdb.api.openapi_parts import (
    FRESHNESS_HEADERS,
    RESPONSE_HEADERS,
    SECURITY_SCHEMES,
    error_response,
    error_responses,
    error_statuses,
    header_parameter,
    needs,
    path_parameters,
    schemes_of,
)
from quartzdb.api.operation import Family, IdempotentReplay, JsonBody, Operation, RawBody, Success
from quartzdb.api.schemas.cloudflare import InsertVector
from quartzdb.api.schemas.json_schema import definitions, query_parameters, reference
from quartzdb.api.schemas.model import Body, Document
from quartzdb.api.schemas.problem import CloudflareError, Problem
from quartzdb.api.schemas.receipt import Quote

_DESCRIPTION = """\
A vector and key-value database.

`/v1` is QuartzDB's own API. `/api` and `/health` are those of the Cloudflare deployment. Errors of `/v1` are problem
documents (RFC 9457) with a stable `code`. Every response has an `X-Request-Id`. Request bodies may be sent with
`Content-Encoding: gzip`.
"""


def describe(families: Sequence[Family], *, title: str, version: str) -> dict[str, Any]:
    """The document."""
    operations = [one for family in families for one in family.operations if not one.hidden]
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = operation.path.replace(":path}", "}")
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation)
    tags = {
        family.tag: family.description for family in families if any(not o.hidden for o in family.operations)
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": description} for tag, description in tags.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(operations),
            "responses": error_responses(operations),
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    description = operation.description
    if operation.scope is not None:
        description += f"\n\n{needs(operation.scope)}"
    document: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": description.strip(),
        "security": [{name: []} for name in schemes_of(operation.scope)],
        "responses": _responses(operation),
    }
    if operation.scope is not None:
        document["x-scope"] = operation.scope.value
    parameters = [*path_parameters(operation.path), *query_parameters(operation.query)]
    parameters += [header_parameter(name) for name in operation.headers]
    if operation.replay is IdempotentReplay.ACCEPTED:
        parameters.append(header_parameter("Idempotency-Key"))
    if parameters:
        document["parameters"] = parameters
    if operation.body is not None:
        document["requestBody"] = _request_body(operation.body)
    return document


def _request_body(body: JsonBody | RawBody) -> dict[str, Any]:
    if isinstance(body, RawBody):
        return {
            "required": True,
            "description": f"{body.description} At most {body.bytes_max} bytes.",
            "content": {
                "application/octet-stream": {"schema": {}},
                "text/plain": {"schema": {"type": "string"}, "example": body.example},
            },
        }
    examples = {name: {"value": value} for name, value in body.examples.items()}
    limit = body.limit
    return {
        "description": f"At most {limit.bytes_max} bytes, {limit.values_max} values and {limit.containers_max} objects "
        f"and arrays, nested up to {limit.depth_max} levels.",
        "required": not body.optional,
        "content": {"application/json": {"schema": reference(body.model), "examples": examples}},
    }


def _responses(operation: Operation) -> dict[str, Any]:
    quoted = isinstance(operation.body, JsonBody) and "dry_run" in operation.body.model.model_fields
    own = {str(success.status): _success(success, operation, quoted=quoted) for success in operation.answers}
    errors = {str(status): error_response(operation, status) for status in error_statuses(operation)}
    return dict(sorted({**errors, **own}.items()))


def _success(success: Success, operation: Operation, *, quoted: bool) -> dict[str, Any]:
    freshness = FRESHNESS_HEADERS if operation.tells_freshness else ()
    headers = {name: RESPONSE_HEADERS[name] for name in ("X-Request-Id", *success.headers, *freshness)}
    response: dict[str, Any] = {"description": success.description, "headers": headers}
    if success.content_type is not None and operation.method != "HEAD":
        schema: dict[str, Any] = {} if success.model is None else reference(success.model)
        if quoted:
            schema = {"anyOf": [schema, reference(Quote)]}
        media: dict[str, Any] = {"schema": schema}
        if success.example is not None:
            media["example"] = success.example
        response["content"] = {success.content_type.partition(";")[0]: media}
    return response


def _schemas(operations: Sequence[Operation]) -> dict[str, Any]:
    models: list[type[Body | Document]] = [Problem, CloudflareError, InsertVector, Quote]
    for operation in operations:
        if isinstance(operation.body, JsonBody):
            models.append(operation.body.model)
        models += [success.model for success in operation.answers if success.model is not None]
    return definitions(models)
