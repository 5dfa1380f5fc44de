"""Carrying out a plan on one segment: which rows are proposed, and their exact scores."""

from __future__ import annotations

import math

import numpy as np

from quartzdb.domain.metric import Metric
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Rows, Vector
from quartzdb.storage.index.engines.exact import ExactIndex, best, scan_scores
from quartzdb.storage.index.engines.native_scores import scores_of_rows
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
    scored: int
    """How many rows were scored to find these: those, or more."""


def scored(
    plan: Plan,
    metric: Metric,
    query: Vector,
    top_k: int,
    recall: float | None = None,
    *,
    spare: bool = False,
) -> Scored:
    """The rows that the plan leads to; at least the `top_k` best of the matching ones, as far as recall goes.

    With `spare` all that were scored, for who is going to score them in another way.
    """
    segment = plan.part.segment
    if plan.rows is not None:
        if len(plan.rows) == segment.shape.rows:
            return _all(plan.rows, scan_scores(segment.vectors, metric, query), exact=True)
        return _all(plan.rows, _scores(plan, metric, query, plan.rows), exact=True)
    if recall is not None and recall >= 1.0:
        # Not by way of the segment's index, which would have to be fetched for nothing.
        rows = ExactIndex(segment.vectors, metric).candidates(query, top_k, plan.allowed)
        return _all(rows, _scores(plan, metric, query, rows), exact=True)
    if plan.allowed is not None and not plan.filtered:
        found = _stepping_over_the_dead(plan, metric, query, top_k, recall, spare=spare)
        if found is not None:
            return found
    if plan.allowed is None:
        return _nearest(plan, metric, query, top_k, recall, spare=spare)
    rows = segment.index.candidates(query, top_k, plan.allowed, recall)
    return _all(rows, _scores(plan, metric, query, rows), _scans(plan) or len(rows) >= plan.matches)


def _nearest(
    plan: Plan, metric: Metric, query: Vector, count: int, recall: float | None, *, spare: bool
) -> Scored:
    """Of all rows of the segment, dead or alive."""
    index, rows_in_all = plan.part.segment.index, plan.part.segment.shape.rows
    best_rows = None if spare else index.best(query, count, recall)
    if best_rows is not None:
        found, scores = best_rows.rows, best_rows.scores
        return Scored(found, scores, len(found) >= rows_in_all, best_rows.scored)
    rows = index.candidates(query, count, recall=recall)
    return _all(rows, _scores(plan, metric, query, rows), _scans(plan) or len(rows) >= rows_in_all)


def _stepping_over_the_dead(
    plan: Plan, metric: Metric, query: Vector, top_k: int, recall: float | None, *, spare: bool
) -> Scored | None:
    """An unrestricted search for some more rows than asked, without the dead ones; None where too few are alive.

    Few rows are dead, and they lie anywhere, so this is much faster than a search restricted to the others. It loses
    nothing: where `top_k` of the best n rows are alive, those are the best `top_k` of the live ones.
    """
    wanted = with_spare(plan, top_k)
    found = _nearest(plan, metric, query, wanted, recall, spare=spare)
    return live_ones(plan, found, wanted, top_k)


def with_spare(plan: Plan, top_k: int) -> int:
    """How many of all rows to ask for, so that `top_k` of them are likely to be alive."""
    return math.ceil(top_k * plan.part.segment.shape.rows / plan.matches * (1 + SPARE_SHARE)) + SPARE_ROWS


def live_ones(plan: Plan, found: Scored, wanted: int, top_k: int) -> Scored | None:
    """What is alive of the best `wanted` and whatever else was found; None where those have fewer than `top_k`."""
    alive = plan.part.alive
    if np.count_nonzero(alive[found.rows[best(found.scores, wanted)]]) < top_k:
        return None
    kept = alive[found.rows]
    return Scored(found.rows[kept], found.scores[kept], _scans(plan), found.scored)


def _all(rows: Rows, scores: Floats, exact: bool) -> Scored:
    return Scored(rows, scores, exact, len(rows))


def _scans(plan: Plan) -> bool:
    """Whether what the index proposes are the best rows for certain."""
    return isinstance(plan.part.segment.index, ExactIndex)


def _scores(plan: Plan, metric: Metric, query: Vector, rows: Rows) -> Floats:
    return scores_of_rows(plan.part.segment.vectors, metric, query, rows)
