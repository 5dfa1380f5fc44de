"""The OpenAPI document: what FastAPI makes of the routes, with the errors that are really answered, and who may ask.

FastAPI describes an answer for what it refuses itself (422) that this application never gives: every refusal is a
problem document, whoever found it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from quartzdb_platform.api.auth import CSRF_HEADER, SESSION_COOKIE, caller
from quartzdb_platform.api.problems import MEDIA_TYPE

_NEVER = ("HTTPValidationError", "ValidationError")
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `code` is stable; `field` is the part of the request at fault.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "hint": {"type": "string"},
    },
}
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A session (`qdb_sess_…`), a management token (`qdb_mgmt_…`), or an operator's (`qdb_oper_…`).",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": f"A browser's session. What changes something needs its token in `{CSRF_HEADER}`, too.",
    },
}


def install(app: FastAPI, routers: Sequence[APIRouter], prefix: str) -> None:
    """Have the application describe itself so, once it has these routers at the prefix.

    The document is made when it is first asked for: that takes as long as hundreds of requests, and most processes
    never need it.
    """
    described = cache(partial(describe, app, tuple(app.routes), routers, prefix))
    app.openapi = described  # type: ignore[method-assign] # FastAPI's own way to replace it


def describe(
    app: FastAPI, routes: Sequence[BaseRoute], routers: Sequence[APIRouter], prefix: str
) -> dict[str, Any]:
    """The document."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        routes=routes,
        openapi_version=app.openapi_version,
    )
    components = document.setdefault("components", {})
    for name in _NEVER:
        components.get("schemas", {}).pop(name, None)
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components["securitySchemes"] = _SCHEMES
    for route in (route for router in routers for route in router.routes):
        assert isinstance(route, APIRoute)
        if route.include_in_schema:
            for method in sorted(route.methods or ()):
                _complete(document["paths"][f"{prefix}{route.path}"][method.lower()], route, method)
    return document


def _complete(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    operation["operationId"] = route.name
    answers: dict[str, Any] = operation["responses"]
    answers.pop("422", None)
    for status in _statuses(route, method):
        answers[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    if _is_known(route):
        operation["security"] = [{"bearer": []}, {"session": []}]


def _statuses(route: APIRoute, method: str) -> Iterator[int]:
    """What may be answered but for success. A body that is too slow or too large is refused wherever one is sent."""
    yield from (400, 401, 403, 408, 413, 429, 503)
    if "{" in route.path or method != "GET":
        yield 404
    if method != "GET":
        yield from (402, 409)


def _is_known(route: APIRoute) -> bool:
    """Whether somebody has to be somebody."""
    return any(one.call is caller for one in _below(route.dependant.dependencies))


def _below(dependencies: Sequence[Dependant]) -> Iterator[Dependant]:
    for one in dependencies:
        yield one
        yield from _below(one.dependencies)
