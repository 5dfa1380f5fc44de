"""The console as an application of its own, mounted beside the API: its errors are pages and not problem documents."""

from __future__ import annotations

import logging
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from quartzdb.domain.errors import NotFound, QuartzError
from quartzdb_platform.api.problems import status_of
from quartzdb_platform.console import page
from quartzdb_platform.console.modules import below
from quartzdb_platform.console.pages import (
    account,
    audit,
    billing,
    data,
    home,
    links,
    organization,
    overview,
    plan,
    project,
    recommendations,
    settings,
    sign_in,
    team,
    tokens,
    usage,
)
from quartzdb_platform.console.visitor import SignedOut
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.errors import StepUpRequired

logger = logging.getLogger(__name__)
PAGES = (
    sign_in,
    links,
    home,
    account,
    organization,
    settings,
    overview,
    plan,
    project,
    data,
    team,
    tokens,
    usage,
    recommendations,
    billing,
    audit,
)
_FOREVER = "public, max-age=31536000, immutable"


def add_console(application: FastAPI) -> None:
    """Have the platform's application serve the console, under the same root, for all that is not the API."""
    console = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    console.state.platform = application.state.platform
    for module in PAGES:
        console.include_router(module.router)
    console.mount("/assets", _Static(directory=page.STATIC), "assets")
    console.add_exception_handler(QuartzError, _refused)
    console.add_exception_handler(RequestValidationError, _not_found)
    console.add_exception_handler(HTTPException, _not_found)
    console.add_exception_handler(Exception, _unforeseen)
    # Where `console_url` leads: a mounted application begins behind the slash.
    application.add_route(page.ROOT, lambda _: page.go_to("/"), ["GET"], include_in_schema=False)
    application.mount(page.ROOT, console, "console")


class _Static(StaticFiles):
    """Files whose addresses change with their content."""

    def get_path(self, scope: Scope) -> str:
        return str(below(super().get_path(scope)))

    def file_response(self, *args: object, **options: object) -> Response:
        response = super().file_response(*args, **options)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = _FOREVER
        return response


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, QuartzError)
    if isinstance(error, SignedOut):
        return page.go_to("/?" + urlencode({"next": error.path}) if error.path else "/")
    if isinstance(error, StepUpRequired):
        return page.go_to("/?" + urlencode({"next": _page_of(request), "again": "1"}))
    return _error(request, status_of(error), error.message, error.hint)


def _page_of(request: Request) -> str:
    """The page that a request came from: what a form was on, as there may be none where it is sent to."""
    if request.method == "GET":
        return request.url.path
    came_from = urlsplit(request.headers.get("referer", ""))
    return came_from.path if came_from.netloc == request.url.netloc else f"{page.ROOT}/home"


def _not_found(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        status = 404
    missing = NotFound(english()("errors.no_page"))
    return _error(request, status, missing.message, None)


def _unforeseen(request: Request, error: Exception) -> Response:
    logger.error("unforeseen", exc_info=error)
    return _error(request, 500, english()("errors.unforeseen"), None)


def _error(request: Request, status: int, message: str, hint: str | None) -> Response:
    return page.render(
        request, "error.html", {"status": status, "message": message, "hint": hint}, status=status
    )
