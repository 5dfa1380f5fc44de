"""The planner: counts what a filter matches first, then chooses how each segment is searched.

Few matches are gathered and scored exactly; more go to the segment's index with the matching rows as a mask. Filtering
after the search is never done: it loses recall as soon as matches are rare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quartzdb.domain.filter import Filter
from quartzdb.domain.vector import Mask, Rows
from quartzdb.index.view import Part

GATHER_ROWS_MAX = 4_096
"""Matches up to which scoring them all costs less than any index."""


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
    matching = part.matching(condition)
    filtered = condition is not None
    matches = int(np.count_nonzero(matching)) if filtered else part.alive_count
    everything = matches == part.segment.shape.rows
    if matches <= max(GATHER_ROWS_MAX, top_k):
        rows = np.arange(matches) if everything else np.flatnonzero(matching)
        return Plan(part, matches, filtered, rows=rows)
    return Plan(part, matches, filtered, allowed=None if everything else matching)
