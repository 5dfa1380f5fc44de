"""What went wrong, as a tool tells it: a code, what happened, and what to do, for the agent to read and correct."""

from __future__ import annotations

from typing import Any

from mcp_types import CallToolResult, TextContent
from pydantic import ValidationError

from quartzdb_client import QuartzDBError

ERROR = "quartzdb/error"
"""In `_meta` of an answer that is an error."""
_PROBLEMS_SHOWN = 5
_IDS_SHOWN = 10


def refused(code: str, message: str, hint: str | None = None, **more: Any) -> CallToolResult:
    """An answer that is an error: a text for models, and in `_meta` the same for programs, with more.

    HAZARD: there is no structured content, as some clients hold that to the tool's output schema also where it is an
    error.
    """
    error = {"code": code, "message": message, "hint": hint, **more}
    text = f"{code}: {message}" if hint is None else f"{code}: {message} {hint}"
    if ids := [failure["id"] for failure in more.get("failures") or ()]:
        text += (
            f" It is about: {', '.join(ids[:_IDS_SHOWN])}{' and others' if len(ids) > _IDS_SHOWN else ''}."
        )
    elif more.get("field"):
        text += f" It is about `{more['field']}`."
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        is_error=True,
        _meta={ERROR: {name: value for name, value in error.items() if value is not None}},
    )


def of_database(error: QuartzDBError) -> CallToolResult:
    """What the database, or the way to it, said."""
    return refused(
        error.code or error.kind,
        error.message,
        error.hint,
        field=error.field,
        request_id=error.request_id,
        retry_after_seconds=error.retry_after_seconds,
        failures=list(error.failures) or None,
    )


def of_arguments(error: ValidationError) -> CallToolResult:
    """Arguments that are not as the schema says."""
    problems = [
        f"{'.'.join(map(str, one['loc'])) or 'arguments'}: {one['msg'].removeprefix('Value error, ')}"
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    shown = "; ".join(problems[:_PROBLEMS_SHOWN])
    if len(problems) > _PROBLEMS_SHOWN:
        shown += f"; and {len(problems) - _PROBLEMS_SHOWN} more"
    return refused("invalid_arguments", f"{shown}.", "The tool's input schema says what it takes.")
