"""The page of errors: every code with its status, what it means, and what to do about it.

Codes, statuses and meanings are the code's; what to do is said here. `python -m docsite.errors` writes the page, a code
without advice fails, and a test asks whether the page is what it writes.
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping
from pathlib import Path

from docsite.sources import DOCS
from quartzdb.api.errors import reason, status_of, title_of
from quartzdb.api.problems_page import problem_types
from quartzdb.domain.errors import QuartzError
from quartzdb_platform.api import problems
from quartzdb_platform.domain import errors as platform_errors

PAGE = DOCS / "reference/errors.md"

_TOP = """\
# Errors

<!-- Written by `python -m docsite.errors`. -->

Errors of `/v1` are problem documents (RFC 9457): JSON with the content type `application/problem+json`. Programs go by
`code`, which is stable; people by `detail` and `hint`, which name what was wrong and what to do. `field` is the path of
the input that is wrong, where one is. `request_id` finds the request in a log: name it when you ask somebody.

<!-- is: Problem -->
```json
{"type": "/docs/problems#dimension_mismatch", "title": "Dimension mismatch", "status": 400,
 "detail": "The vector has 2 numbers but the namespace has dimension 3.", "code": "dimension_mismatch",
 "field": "vectors[0].vector", "hint": "…", "request_id": "5bf75369424ceaf2b6c9a7d6c3aae5cc"}
```

**Which to try again.** 429 and 503 pass: wait as long as `Retry-After` says, then send the same request, a write with
the same `Idempotency-Key`. 408, and a connection that broke, are the same. Every other 4xx stays what it is until the
request changes. [The clients](../clients.md) do all of this by themselves.

The paths of the Cloudflare deployment (`/api/…`) answer `{"error": …}` with the nearest of its own statuses.

"""

_OF_PLATFORM = """\
## Of the platform

`/platform/v1` answers with the same codes, and with these:
"""
_OF_WORKER = """\
## Of the reference Worker

Where only Cloudflare can be reached, [its Worker](../../cloudflare/README.md) answers, which has one code more:

| Code | Status | Means | What to do |
|---|---|---|---|
| <span id="not_served_here"></span>`not_served_here` | 501 Not Implemented \
| Not served here. The site has `/api` alone. | Ask the other site, or wait for [the way back](../failover.md). |
"""
_HEAD = ["| Code | Status | Means | What to do |", "|---|---|---|---|"]

ADVICE: Mapping[str, str] = tomllib.loads((Path(__file__).parent / "advice.toml").read_text("utf-8"))


def errors_page() -> str:
    """The page. Raises KeyError for a code without advice."""
    rows = [_row(kind, status_of(kind)) for kind in problem_types()]
    of_platform = [_row(kind, problems.STATUSES[_known(kind)]) for kind in platform_types()]
    return _TOP + "\n".join([*_HEAD, *rows, "", _OF_PLATFORM, *_HEAD, *of_platform, "", _OF_WORKER])


def platform_types() -> list[type[QuartzError]]:
    """Errors that the platform's API answers beside those, by code."""
    ours = {kind.code for kind in problem_types()}
    classes = [kind for _, kind in inspect.getmembers(platform_errors, inspect.isclass)]
    found = {kind.code: kind for kind in classes if issubclass(kind, QuartzError) and kind.code not in ours}
    return [found[code] for code in sorted(found)]


def _known(kind: type[QuartzError]) -> type[QuartzError]:
    return next(one for one in kind.mro() if one in problems.STATUSES)


def _row(kind: type[QuartzError], status: int) -> str:
    meaning = " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())
    name = f'<span id="{kind.code}"></span>`{kind.code}`'
    return f"| {name} | {status} {reason(status)} | {title_of(kind.code)}. {meaning} | {ADVICE[kind.code]} |"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(errors_page(), "utf-8")
