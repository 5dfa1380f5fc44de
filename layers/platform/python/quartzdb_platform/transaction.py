"""Changes that depend on what is there: read, decide, and change all of it or begin anew where somebody was faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from quartzdb.domain.errors import Conflict
from quartzdb_platform.ports import Change, DocumentTable

T = TypeVar("T")
_ATTEMPTS_MAX = 16


def change(
    table: DocumentTable,
    decide: Callable[[], tuple[T, Sequence[Change]]],
    *,
    attempts_max: int = _ATTEMPTS_MAX,
) -> T:
    """What `decide` returns, once its changes are made. It reads anew each time, and may raise.

    Raises Conflict where others keep changing the same things.
    """
    for _ in range(attempts_max):
        result, changes = decide()
        if not changes or table.transact(changes):
            return result
    raise Conflict("Others are changing the same thing at this moment.", hint="Try again.")
