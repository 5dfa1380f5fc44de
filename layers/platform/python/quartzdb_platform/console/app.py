"""The console as an application of its own, mounted beside the API: its errors are pages and not problem documents."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from quartzdb.domain.errors import QuartzError
from quartzdb_platform.api.problems import status_of
from quartzdb_platform.console import page
from quartzdb_platform.console.modules import below
from quartzdb_platform.console.pages import (
    account,
    audit,
    billing,
    data,
    exports,
    home,
    links,
    organization,
    overview,
    plan,
    project,
    recommendations,
    settings,
    sign_in,
    status,
    team,
    tokens,
    usage,
)
from quartzdb_platform.console.visitor import SignedOut
from quartzdb_platform.console.words import english
from quartzdb_platform.domain.errors import StepUpRequired

logger = logging.getLogger(__name__)
PAGES = (
    status,
    sign_in,
    links,
    home,
    account,
    organization,
    settings,
    exports,
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
    console.mount("/assets", Static(directory=page.STATIC), "assets")
    install_errors(console, _elsewhere)
    # Where `console_url` leads: a mounted application begins behind the slash.
    application.add_route(page.ROOT, lambda _: page.go_to("/"), ["GET"], include_in_schema=False)
    application.mount(page.ROOT, console, "console")


def install_errors(
    console: FastAPI,
    elsewhere: Callable[[Request, QuartzError], Response | None],
    **values: object,
) -> None:
    """Have errors be pages, made with these values as well. `elsewhere`: where one leads to instead, if anywhere."""

    def error(request: Request, status: int, message: str, hint: str | None) -> Response:
        shown = {"status": status, "message": message, "hint": hint, **values}
        return page.render(request, "error.html", shown, status=status)

    def refused(request: Request, wrong: Exception) -> Response:
        assert isinstance(wrong, QuartzError)
        leads = elsewhere(request, wrong)
        return error(request, status_of(wrong), wrong.message, wrong.hint) if leads is None else leads

    def not_found(request: Request, wrong: Exception) -> Response:
        status = wrong.status_code if isinstance(wrong, HTTPException) else 404
        if status == 405 and request.method == "GET":
            # What a form led to was loaded again, by its address alone: the form is on the page above.
            above = request.url.path.rstrip("/").rpartition("/")[0]
            return RedirectResponse(above or "/", 303)
        return error(request, 404 if status == 405 else status, english()("errors.no_page"), None)

    def unforeseen(request: Request, wrong: Exception) -> Response:
        logger.error("unforeseen", exc_info=wrong)
        return error(request, 500, english()("errors.unforeseen"), None)

    console.add_exception_handler(QuartzError, refused)
    console.add_exception_handler(RequestValidationError, not_found)
    console.add_exception_handler(HTTPException, not_found)
    console.add_exception_handler(Exception, unforeseen)


class Static(StaticFiles):
    """Files whose addresses change with their content."""

    def get_path(self, scope: Scope) -> str:
        return str(below(super().get_path(scope)))

    def file_response(self, *args: object, **options: object) -> Response:
        response = super().file_response(*args, **options)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = _FOREVER
        return response


def _elsewhere(request: Request, error: QuartzError) -> Response | None:
    if isinstance(error, SignedOut):
        return page.go_to("/?" + urlencode({"next": error.path}) if error.path else "/")
    if isinstance(error, StepUpRequired):
        return page.go_to("/?" + urlencode({"next": request.url.path, "again": "1"}))
    return None
