"""Carrying out a plan on one segment: which rows are proposed, and their exact scores."""

from __future__ import annotations

import math

import numpy as np

from quartzdb.domain.metric import Metric
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Rows, Vector
from quartzdb.storage.index.engines.exact import ExactIndex, best, gather_scores, scan_scores
from quartzdb.storage.index.planner import Plan

SPARE_SHARE = 0.2
SPARE_ROWS = 4
"""How many more rows are asked for than dead ones should take the place of, so that one more search is rare."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Rows of one segment with their exact scores. `exact`: no better row can have been missed."""

    rows: Rows
    scores: Floats
    exact: bool


def scored(plan: Plan, metric: Metric, query: Vector, top_k: int, recall: float | None = None) -> Scored:
    """The rows that the plan leads to; at least the `top_k` best of the matching ones, as far as recall goes."""
    segment = plan.part.segment
    if plan.rows is not None:
        if len(plan.rows) == segment.shape.rows:
            return Scored(plan.rows, scan_scores(segment.vectors, metric, query), exact=True)
        return Scored(plan.rows, _scores(plan, metric, query, plan.rows), exact=True)
    if recall is not None and recall >= 1.0:
        # Not by way of the segment's index, which would have to be fetched for nothing.
        rows = ExactIndex(segment.vectors, metric).candidates(query, top_k, plan.allowed)
        return Scored(rows, _scores(plan, metric, query, rows), exact=True)
    if plan.allowed is not None and not plan.filtered:
        found = _stepping_over_the_dead(plan, metric, query, top_k, recall)
        if found is not None:
            return found
    rows = segment.index.candidates(query, top_k, plan.allowed, recall)
    exact = _scans(plan) or len(rows) >= plan.matches
    return Scored(rows, _scores(plan, metric, query, rows), exact)


def _stepping_over_the_dead(
    plan: Plan, metric: Metric, query: Vector, top_k: int, recall: float | None
) -> Scored | None:
    """An unrestricted search for some more rows than asked, without the dead ones; None where too few are alive.

    Few rows are dead, and they lie anywhere, so this is much faster than a search restricted to the others. It loses
    nothing: where `top_k` of the best n rows are alive, those are the best `top_k` of the live ones.
    """
    alive, rows_in_all = plan.part.alive, plan.part.segment.shape.rows
    wanted = math.ceil(top_k * rows_in_all / plan.matches * (1 + SPARE_SHARE)) + SPARE_ROWS
    rows = plan.part.segment.index.candidates(query, wanted, recall=recall)
    scores = _scores(plan, metric, query, rows)
    if np.count_nonzero(alive[rows[best(scores, wanted)]]) < top_k:
        return None
    kept = alive[rows]
    return Scored(rows[kept], scores[kept], exact=_scans(plan))


def _scans(plan: Plan) -> bool:
    """Whether what the index proposes are the best rows for certain."""
    return isinstance(plan.part.segment.index, ExactIndex)


def _scores(plan: Plan, metric: Metric, query: Vector, rows: Rows) -> Floats:
    return gather_scores(plan.part.segment.vectors, metric, query, rows)
