"""What requests say about versions and consistency, as the services take it."""

from __future__ import annotations

from typing import Protocol

from quartzdb.domain.hlc import Version
from quartzdb.services.consistency import Consistency


class Read(Protocol):
    """A request that says how fresh its answer must be."""

    @property
    def consistency(self) -> str: ...

    @property
    def version(self) -> str | None: ...


def consistency_of(request: Read) -> Consistency:
    """How fresh the answer must be. Raises InvalidVersion, also where every answer is as fresh as can be."""
    return Consistency(strong=request.consistency == "strong", at_least=after(request.version))


def after(token: str | None) -> Version | None:
    """The version that a token says. Raises InvalidVersion."""
    return None if token is None else Version.parse(token)
