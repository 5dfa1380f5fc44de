"""Answering a query over a view: candidates from each segment, rescored exactly, merged with the tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quartzdb.domain.filter import Filter
from quartzdb.domain.record import Match
from quartzdb.domain.vector import Vector
from quartzdb.index.hits import Hits, best_hits, matches_of
from quartzdb.index.planner import plan
from quartzdb.index.scoring import scored
from quartzdb.index.view import View


@dataclass(frozen=True, slots=True)
class Effort:
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
    effort: Effort


def search(
    view: View,
    query: Vector,
    top_k: int,
    condition: Filter | None,
    *,
    with_vectors: bool,
    recall: float | None = None,
) -> Found:
    """The `top_k` best live records that the filter accepts; `recall` is what share of them must be found."""
    hits: list[Hits] = []
    exact, rows_scored, matched = True, 0, 0
    for number, part in enumerate(view.parts):
        chosen = plan(part, condition, top_k)
        matched += chosen.matches
        if not chosen.matches:
            continue
        found = scored(chosen, view.metric, query, top_k, recall)
        exact = exact and found.exact
        rows_scored += len(found.rows)
        hits.append(best_hits(number, found.rows, found.scores, top_k))
    tail_rows = _tail_hits(view, query, top_k, condition, hits)
    effort = Effort(exact, len(view.parts), rows_scored + tail_rows, tail_rows, matched + tail_rows)
    return Found(matches_of(view, hits, top_k, with_vectors=with_vectors), effort)


def _tail_hits(view: View, query: Vector, top_k: int, condition: Filter | None, hits: list[Hits]) -> int:
    """Adds the best rows of the tail; how many there were to choose from."""
    if not view.tail.alive_count:
        return 0
    rows = np.flatnonzero(view.tail_matching(condition))
    if rows.size:
        hits.append(best_hits(len(view.parts), rows, view.tail.scores_at(view.metric, query, rows), top_k))
    return int(rows.size)
