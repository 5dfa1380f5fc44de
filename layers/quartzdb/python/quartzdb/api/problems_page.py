"""The page that explains every problem type: what the `type` of a problem document leads to."""

from __future__ import annotations

import html
import inspect
from functools import cache

from quartzdb.api import refusals
from quartzdb.api.docs_page import DocsPage, assemble
from quartzdb.api.errors import reason, status_of, title_of
from quartzdb.domain import errors

_TOP = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>QuartzDB: problems</title><style>/* style */</style></head>
<body><main><h1>Problems</h1>
<p>Errors of <code>/v1</code> are problem documents (RFC 9457). Programs go by <code>code</code>, which is stable.</p>
<table><tr><th>code</th><th>status</th><th>meaning</th></tr>
"""
_BOTTOM = "</table></main></body></html>\n"


def problem_types() -> list[type[errors.QuartzError]]:
    """Every class of errors that there is, by code. Those with one code count once."""
    found = {
        kind.code: kind
        for module in (errors, refusals)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, errors.QuartzError)
    }
    return [found[code] for code in sorted(found)]


@cache
def problems_page() -> DocsPage:
    """The page."""
    return assemble(_TOP + "".join(_row(kind) for kind in problem_types()) + _BOTTOM)


def _row(kind: type[errors.QuartzError]) -> str:
    status = status_of(kind)
    meaning = " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())
    return (
        f'<tr id="{kind.code}"><td><code>{kind.code}</code></td><td>{status} {reason(status)}</td>'
        f"<td><strong>{title_of(kind.code)}.</strong> {html.escape(meaning)}</td></tr>\n"
    )
