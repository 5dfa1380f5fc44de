"""Where records are: the port through which the tail looks up what older, immutable segments know of an id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from quartzdb.domain.merge import RecordState
from quartzdb.domain.values import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """What the segments know of an id. `row` is its live row in segment number `segment`; None for a tombstone."""

    state: RecordState
    segment: int
    row: int | None


class SegmentLookup(Protocol):
    """Ids to what is known of them; ids never seen are left out."""

    def __call__(self, ids: Iterable[str]) -> Mapping[str, Located]:
        """Look all of them up in one go."""
        ...
