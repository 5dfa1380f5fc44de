"""The planner: counts what a filter matches first, then chooses how each segment is searched.

Few matches are gathered and scored exactly; more go to the segment's index with the matching rows as a mask. Filtering
after the search is never done: it loses recall as soon as matches are rare.
"""

from __future__ import annotations

import numpy as np

from quartzdb.domain.filter import Filter
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.fields.selections import LISTED_MAX
from quartzdb.storage.index.view import Part


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How one segment is searched: `rows` scored exactly, or its index asked with `allowed` (None: all rows).

    `filtered` says whether a filter made `allowed`; otherwise it is only the dead rows that are not.
    """

    part: Part
    matches: int
    filtered: bool
    rows: Rows | None = None
    allowed: Mask | None = None


def plan(part: Part, condition: Filter | None, top_k: int) -> Plan:
    """The way to search one segment."""
    if condition is None:
        return _unfiltered(part, top_k)
    selection = part.selected(condition)
    matches = selection.matches
    if selection.rows is not None:
        return Plan(part, matches, filtered=True, rows=selection.rows)
    assert selection.mask is not None, "a selection lists its rows or flags them"
    if matches <= top_k:
        return Plan(part, matches, filtered=True, rows=np.flatnonzero(selection.mask))
    everything = matches == part.segment.shape.rows
    return Plan(part, matches, filtered=True, allowed=None if everything else selection.mask)


def _unfiltered(part: Part, top_k: int) -> Plan:
    matches = part.alive_count
    everything = matches == part.segment.shape.rows
    if matches <= max(LISTED_MAX, top_k):
        rows = np.arange(matches) if everything else np.flatnonzero(part.alive)
        return Plan(part, matches, filtered=False, rows=rows)
    return Plan(part, matches, filtered=False, allowed=None if everything else part.alive)
