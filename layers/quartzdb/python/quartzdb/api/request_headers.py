"""The headers of a request, found by name in one look however often they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import overload


class RequestHeaders:
    """Names in any case; of a header that is given several times, the first value counts unless all are asked for."""

    __slots__ = ("_first", "_raw")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._raw = raw = list(raw)
        first = dict(raw)
        if len(first) < len(raw):
            first = dict(reversed(raw))
        self._first = first

    @overload
    def get(self, name: str) -> str | None: ...

    @overload
    def get(self, name: str, default: str) -> str: ...

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value."""
        value = self._first.get(_sent(name))
        return default if value is None else value.decode("latin-1")

    def getlist(self, name: str) -> list[str]:
        """All values, in order."""
        wanted = _sent(name)
        return [value.decode("latin-1") for given, value in self._raw if given == wanted]

    def __contains__(self, name: str) -> bool:
        return _sent(name) in self._first


@cache
def _sent(name: str) -> bytes:
    """A name as it is in a request. Only names that this package knows are ever looked for."""
    return name.lower().encode("latin-1")
