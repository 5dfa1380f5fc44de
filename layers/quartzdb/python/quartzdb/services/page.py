"""Pages of listings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.limits import LIST_LIMIT_MAX
from quartzdb.domain.values import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a listing; `cursor` begins the next, None at the end."""

    items: Sequence[T]
    cursor: str | None = None


def check_limit(limit: int) -> int:
    """The limit, if a page may be that long. Raises InvalidArgument."""
    if not 1 <= limit <= LIST_LIMIT_MAX:
        raise InvalidArgument(f"The limit must be 1 to {LIST_LIMIT_MAX}, not {limit}.", field="limit")
    return limit
