"""What is more than one request may carry, in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def parts(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """In their order, `size` at a time; nothing of nothing."""
    for start in range(0, len(things), size):
        yield things[start : start + size]
