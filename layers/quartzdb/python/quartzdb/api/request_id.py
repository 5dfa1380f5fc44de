"""Request ids: every response names one, so that a caller's report finds its log line. A caller may bring its own."""

from __future__ import annotations

import re
from collections.abc import Callable

from quartzdb.api.request_headers import RequestHeaders

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""What may be written to a log and a header as it came."""


def is_sane(request_id: str) -> bool:
    """Whether a caller's id is taken over."""
    return _SANE.fullmatch(request_id) is not None


def request_id_of(headers: RequestHeaders, new_id: Callable[[], str]) -> str:
    """The caller's own, or else a new one; `new_id` makes ids that do not repeat."""
    given = headers.get(HEADER)
    return given if given is not None and is_sane(given) else new_id()
