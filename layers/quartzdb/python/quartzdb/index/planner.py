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
    """How one segment is searched: `rows` scored exactly, or its index asked with `allowed` (None: all rows)."""

    part: Part
    matches: int
    rows: Rows | None = None
    allowed: Mask | None = None


def plan(part: Part, condition: Filter | None, top_k: int) -> Plan:
    """The way to search one segment."""
    matching = part.matching(condition)
    matches = part.alive_count if condition is None else int(np.count_nonzero(matching))
    if matches <= max(GATHER_ROWS_MAX, top_k):
        everything = matches == part.segment.shape.rows
        rows = np.arange(matches) if everything else np.flatnonzero(matching)
        return Plan(part, matches, rows=rows)
    return Plan(part, matches, allowed=None if matches == part.segment.shape.rows else matching)
