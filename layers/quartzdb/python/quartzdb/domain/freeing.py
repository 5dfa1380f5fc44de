"""Whether the work that this thread does frees space in the end, as a deletion does, though it has to write for that.

On a full disk such work gets what is reserved for it, and all other writes are refused. It is in the context, not in
every signature from the edge down to the file. Work that is handed to another thread has to take its context along.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FREES: ContextVar[bool] = ContextVar("frees_space", default=False)


@contextmanager
def freeing(frees: bool = True) -> Iterator[None]:
    """What is done inside frees space; with False it is as it is outside."""
    token = _FREES.set(frees or _FREES.get())
    try:
        yield
    finally:
        _FREES.reset(token)


def frees_space() -> bool:
    """Whether this work does."""
    return _FREES.get()
