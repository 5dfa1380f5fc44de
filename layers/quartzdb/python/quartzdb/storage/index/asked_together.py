"""Several questions of one batch to one segment: asked together where that is less work than one after the other.

Each gets what it would get alone. What cannot be asked together is left to whoever asks, and nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Matrix, Rows
from quartzdb.storage.index.engines.exact import ExactIndex, best
from quartzdb.storage.index.engines.native_scores import scores_of_rows
from quartzdb.storage.index.planner import plan
from quartzdb.storage.index.scoring import Scored, live_ones, with_spare
from quartzdb.storage.index.segments.segment import Segment
from quartzdb.storage.index.view import Part

ENGINES = frozenset({"ivf", "exact"})
"""Those which visit a list, or scan the rows, once for many queries. Walks through a graph share nothing."""
QUERIES_MIN = 2


def scored_together(
    part: Part, metric: Metric, queries: Matrix, top_k: int, recall: float | None
) -> Sequence[Scored | None]:
    """What `scored` gives for each of some queries (m, d) without a filter; None for one that has to be asked alone."""
    alone: list[Scored | None] = [None] * len(queries)
    segment, chosen = part.segment, plan(part, None, top_k)
    if len(queries) < QUERIES_MIN or segment.shape.engine not in ENGINES:
        return alone
    if not chosen.matches or chosen.rows is not None:
        return alone
    has_dead = chosen.allowed is not None
    if recall is not None and recall >= 1.0:
        if has_dead:
            return alone
        index: ExactIndex | None = ExactIndex(segment.vectors, metric)
    else:
        index = segment.index if isinstance(segment.index, ExactIndex) else None
    count = with_spare(chosen, top_k) if has_dead else top_k
    proposed = (index or segment.index).candidates_of_each(queries, count, recall)
    _bring(segment, proposed)
    for place, (query, candidates) in enumerate(zip(queries, proposed, strict=True)):
        rows, scores = candidates, scores_of_rows(segment.vectors, metric, query, candidates)
        if index is not None and rows.size > count:
            # A scan for many proposes some more than it was asked for.
            kept = best(scores, count)
            rows, scores = rows[kept], scores[kept]
        found = Scored(rows, scores, index is not None or len(rows) >= chosen.matches, len(rows))
        alone[place] = live_ones(chosen, found, count, top_k) if has_dead else found
    return alone


def _bring(segment: Segment, proposed: Sequence[Rows]) -> None:
    """Fetch the rows of all questions at once, where they are elsewhere: then nobody waits for those of each."""
    if proposed:
        segment.vectors.expect(np.unique(np.concatenate(proposed)))
