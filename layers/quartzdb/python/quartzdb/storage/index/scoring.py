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
    exactly = recall is not None and recall >= 1.0
    if plan.rows is not None or exactly:
        found = None if spare else _told_apart(plan, query, top_k)
        return _scanned(plan, metric, query, top_k) if found is None else found
    if not spare:
        found = _told_at_once(plan, query, top_k, recall)
        if found is not None:
            return found
    if plan.allowed is not None and not plan.filtered:
        found = _stepping_over_the_dead(plan, metric, query, top_k, recall, spare=spare)
        if found is not None:
            return found
    rows = segment.index.candidates(query, top_k, plan.allowed, recall)
    return _all(rows, _scores(plan, metric, query, rows), _scans(plan) or len(rows) >= plan.matches)


def _told_apart(plan: Plan, query: Vector, top_k: int) -> Scored | None:
    """Exactly the best, by an index that need not score all rows for that; None where there is none."""
    index = plan.part.segment.scan_index
    found = None if index is None else index.exactly(query, top_k, plan.rows, plan.allowed)
    if found is None:
        return None
    # As many as where there is no such index, so that the work of a query is the same on every machine.
    scored_rows = len(found.rows) if plan.rows is None else plan.matches
    return Scored(found.rows, found.scores, exact=True, scored=scored_rows)


def _scanned(plan: Plan, metric: Metric, query: Vector, top_k: int) -> Scored:
    """Scores of all rows that match, or the best of them."""
    segment, rows = plan.part.segment, plan.rows
    if rows is None:
        # Not by way of the segment's index, which would have to be fetched for nothing.
        rows = ExactIndex(segment.vectors, metric).candidates(query, top_k, plan.allowed)
        return _all(rows, _scores(plan, metric, query, rows), exact=True)
    if len(rows) == segment.shape.rows:
        return _all(rows, scan_scores(segment.vectors, metric, query), exact=True)
    return _all(rows, _scores(plan, metric, query, rows), exact=True)


def _told_at_once(plan: Plan, query: Vector, top_k: int, recall: float | None) -> Scored | None:
    """By an index that scores what it finds; None where there is none."""
    found = plan.part.segment.index.best(query, top_k, recall, plan.allowed)
    if found is None:
        return None
    exact = found.exact or len(found.rows) >= plan.matches
    return Scored(found.rows, found.scores, exact, plan.matches if found.exact else found.scored)


def _stepping_over_the_dead(
    plan: Plan, metric: Metric, query: Vector, top_k: int, recall: float | None, *, spare: bool
) -> Scored | None:
    """An unrestricted search for some more rows than asked, without the dead ones; None where too few are alive.

    Few rows are dead, and they lie anywhere, so this is much faster than a search restricted to the others. It loses
    nothing: where `top_k` of the best n rows are alive, those are the best `top_k` of the live ones.
    """
    wanted = with_spare(plan, top_k)
    index = plan.part.segment.index
    at_once = None if spare else index.best(query, wanted, recall)
    if at_once is not None:
        found = Scored(at_once.rows, at_once.scores, at_once.exact, at_once.scored)
    else:
        rows = index.candidates(query, wanted, recall=recall)
        found = _all(rows, _scores(plan, metric, query, rows), _scans(plan))
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
