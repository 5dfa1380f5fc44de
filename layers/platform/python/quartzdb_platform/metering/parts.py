"""The parts of a batch: what one transaction can hold of it. Pure, and the same however often the batch comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from quartzdb_platform.metering.addition import Counts, added
from quartzdb_platform.metering.places import Place
from quartzdb_platform.metering.tally import Addition
from quartzdb_platform.plans.unlooked import COUNTED
from quartzdb_platform.ports import CHANGES_MAX

DOCUMENTS_MAX = CHANGES_MAX - 1
"""Of a part: the marker is the other change."""


class Sum(NamedTuple):
    """What a part adds to one document."""

    counts: Counts
    expires_at_ms: int | None


Part = Mapping[Place, Sum]


def parts(additions: Iterable[Addition]) -> Sequence[Part]:
    """In the order of the additions, each part as full as it can be."""
    found: list[dict[Place, Sum]] = []
    for addition in additions:
        places = {addition.place, addition.month, addition.note} - {None}
        if not found or len(found[-1].keys() | places) > DOCUMENTS_MAX:
            found.append({})
        part = found[-1]
        _add(part, addition.place, addition.counts, addition.expires_at_ms)
        if addition.month is not None:
            _add(part, addition.month, addition.month_counts, None)
        if addition.note is not None:
            _add(part, addition.note, {COUNTED: 1}, None)
    return found


def _add(part: dict[Place, Sum], place: Place, counts: Counts, expires_at_ms: int | None) -> None:
    present = part.get(place)
    part[place] = Sum(counts if present is None else added(present.counts, counts), expires_at_ms)
