"""Routes of the documentation: the OpenAPI document, a page that shows it, and what each problem means.

What writes them is imported when it is asked for: a cold start does not pay for it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import orjson

from quartzdb.api.answer import JSON, Answer
from quartzdb.api.call import Call
from quartzdb.api.operation import Family, Success

if TYPE_CHECKING:
    from quartzdb.api.docs_page import DocsPage

FAMILY = Family("documentation", "This.")

_HTML = "text/html; charset=utf-8"
_FRESH = ("Cache-Control", "no-cache")
_ANSWERS = (Success("The document.", None, content_type=_HTML),)


@FAMILY.operation("GET", "/openapi.json", summary="OpenAPI", scope=None, answers=_ANSWERS, hidden=True)
def get_openapi(call: Call) -> Answer:
    """Written once, at the first request."""
    settings = call.context.settings
    return Answer(200, _openapi(settings.service, settings.version), JSON, (_FRESH,))


@FAMILY.operation("GET", "/docs", summary="Documentation", scope=None, answers=_ANSWERS, hidden=True)
def get_docs(_: Call) -> Answer:
    """Where to read of the API, for deployments that do not serve the documentation in its place."""
    from quartzdb.api.docs_page import docs_page

    return _page(docs_page())


@FAMILY.operation("GET", "/docs/problems", summary="Problem types", scope=None, answers=_ANSWERS, hidden=True)
def get_problem_types(_: Call) -> Answer:
    """Where the `type` of problem documents leads."""
    from quartzdb.api.problems_page import problems_page

    return _page(problems_page())


def _page(page: DocsPage) -> Answer:
    return Answer(200, page.html, _HTML, (("Content-Security-Policy", page.policy), _FRESH))


@lru_cache(maxsize=4)
def _openapi(title: str, version: str) -> bytes:
    from quartzdb.api.openapi import describe
    from quartzdb.api.routes import FAMILIES

    return orjson.dumps(describe(FAMILIES, title=title, version=version))
