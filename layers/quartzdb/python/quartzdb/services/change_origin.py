"""Where somebody begins to read a change feed who has no cursor yet."""

from __future__ import annotations

from quartzdb.domain.hlc import Version
from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class FromNow:
    """After everything that is there."""


@dataclass(frozen=True, slots=True)
class FromOldest:
    """Before everything that is kept."""


@dataclass(frozen=True, slots=True)
class SinceMoment:
    """With what was committed from this moment on, in unix milliseconds."""

    unix_ms: int


@dataclass(frozen=True, slots=True)
class SinceWrite:
    """With what was committed after the write that answered with this version."""

    version: Version


Origin = FromNow | FromOldest | SinceMoment | SinceWrite
FROM_NOW = FromNow()
