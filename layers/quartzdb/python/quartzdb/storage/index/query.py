"""Answering a query over a view: candidates from each segment, rescored exactly, merged with the tail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from quartzdb.domain.answer_budget import AnswerBudget
from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.filter import Filter
from quartzdb.domain.record import Match
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Vector
from quartzdb.storage.index.asked_together import scored_together
from quartzdb.storage.index.hits import Hits, Shown, best_hits, matches_of
from quartzdb.storage.index.planner import plan
from quartzdb.storage.index.scoring import Scored, scored
from quartzdb.storage.index.view import View

QUERIES_TOGETHER = 32
"""Between so many a deadline is looked at: nothing ends what an index does for all of them."""
NOTHING_KNOWN: Mapping[int, Scored] = {}


@dataclass(frozen=True, slots=True)
class SearchWork:
    """What a query touched. `exact`: every matching record was scored, so nothing better can have been missed."""

    exact: bool
    segments: int
    rows_scored: int
    tail_rows: int
    matches: int


@dataclass(frozen=True, slots=True)
class Found:
    """A query's answer, best first, and what it took."""

    matches: Sequence[Match]
    work: SearchWork


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One of several questions to the same view: see `search`."""

    query: Vector
    top_k: int
    condition: Filter | None = None
    with_vectors: bool = False
    recall: float | None = None
    with_metadata: bool = True
    budget: AnswerBudget | None = None


def search_each(view: View, questions: Sequence[Question]) -> list[Found]:
    """What each question finds, in order. The tail is read once for those that look at all of it, and an index is asked
    once for all that want the same of it.
    """
    known = _known_together(view, questions)
    whole = [one.query for one in questions if one.condition is None] if view.tail.alive_count else []
    scores = view.tail.scores_of_each(view.metric, whole)
    return [
        search(
            view,
            one.query,
            one.top_k,
            one.condition,
            with_vectors=one.with_vectors,
            recall=one.recall,
            with_metadata=one.with_metadata,
            budget=one.budget,
            tail_scores=next(scores, None) if one.condition is None else None,
            known=known.get(position, {}),
        )
        for position, one in enumerate(questions)
    ]


def _known_together(view: View, questions: Sequence[Question]) -> dict[int, dict[int, Scored]]:
    """Of questions by their places, what they find in segments by their numbers."""
    alike: dict[tuple[int, float | None], list[int]] = {}
    for position, one in enumerate(questions):
        if one.condition is None:
            alike.setdefault((one.top_k, one.recall), []).append(position)
    known: dict[int, dict[int, Scored]] = {}
    for (top_k, recall), alike_ones in alike.items():
        for start in range(0, len(alike_ones), QUERIES_TOGETHER):
            positions = alike_ones[start : start + QUERIES_TOGETHER]
            queries = np.stack([questions[position].query for position in positions])
            for number, part in enumerate(view.parts):
                check_deadline()
                found = scored_together(part, view.metric, queries, top_k, recall)
                for position, scores in zip(positions, found, strict=True):
                    if scores is not None:
                        known.setdefault(position, {})[number] = scores
    return known


def search(
    view: View,
    query: Vector,
    top_k: int,
    condition: Filter | None,
    *,
    with_vectors: bool,
    recall: float | None = None,
    with_metadata: bool = True,
    budget: AnswerBudget | None = None,
    tail_scores: Floats | None = None,
    known: Mapping[int, Scored] = NOTHING_KNOWN,
) -> Found:
    """The `top_k` best live records that the filter accepts; `recall` is what share of them must be found.

    `tail_scores` are those of every row of the tail, where they are known already, and `known` is what is known of
    segments, by number. The metadata that is read is taken
    from the budget. Raises AnswerTooLarge, DeadlineExceeded.
    """
    hits: list[Hits] = []
    exact, rows_scored, matched = True, 0, 0
    for number, part in enumerate(view.parts):
        check_deadline()
        chosen = plan(part, condition, top_k)
        matched += chosen.matches
        if not chosen.matches:
            continue
        found = known.get(number) or scored(chosen, view.metric, query, top_k, recall)
        exact = exact and found.exact
        rows_scored += found.scored
        hits.append(best_hits(number, found.rows, found.scores, top_k))
    tail_rows = 0
    if view.tail.alive_count:
        check_deadline()
        rows = np.flatnonzero(view.tail_matching(condition))
        tail_rows = int(rows.size)
        if tail_rows:
            scores = (
                view.tail.scores_at(view.metric, query, rows) if tail_scores is None else tail_scores[rows]
            )
            hits.append(best_hits(len(view.parts), rows, scores, top_k))
    work = SearchWork(exact, len(view.parts), rows_scored + tail_rows, tail_rows, matched + tail_rows)
    shown = Shown(with_vectors, with_metadata, budget)
    return Found(matches_of(view, hits, top_k, shown), work)
