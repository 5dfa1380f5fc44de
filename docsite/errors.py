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

ADVICE: Mapping[str, str] = tomllib.loads((Path(__file__).parent / "advice.toml").read_text("utf-8"))


def errors_page() -> str:
    """The page. Raises KeyError for a code without advice."""
    rows = ["| Code | Status | Means | What to do |", "|---|---|---|---|"]
    for kind in problem_types():
        status = status_of(kind)
        meaning = " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split())
        name = f'<span id="{kind.code}"></span>`{kind.code}`'
        advice = ADVICE[kind.code]
        rows.append(f"| {name} | {status} {reason(status)} | {title_of(kind.code)}. {meaning} | {advice} |")
    return _TOP + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(errors_page(), "utf-8")
