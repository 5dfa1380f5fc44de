"""An erasure as a value, and what another site says of its copy. Decides nothing."""

from __future__ import annotations

from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure. `gone_ms` (unix): when segments, log and files had nothing of it any more.

    `records` and `keys` are how many existed when it was asked for.
    """

    id: str
    at_ms: int
    records: int
    keys: int
    by_keys: bool
    gone_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PeerCopy:
    """How far an erasure is at the other site, as that one says. `until_ms`: when it will be done at the latest there.

    `why`: what it waits for, or cannot say.
    """

    gone_ms: int | None = None
    until_ms: int | None = None
    why: str | None = None
