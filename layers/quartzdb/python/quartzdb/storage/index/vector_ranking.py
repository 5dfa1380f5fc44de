"""The ranking of a view's records by how near their vectors are to a question."""

from __future__ import annotations

import numpy as np

from quartzdb.domain.filter import Filter
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Rows, Vector
from quartzdb.storage.index.engines.exact import ExactIndex
from quartzdb.storage.index.fields.selections import LISTED_MAX
from quartzdb.storage.index.planner import Plan, plan
from quartzdb.storage.index.ranking import RankedRows
from quartzdb.storage.index.scoring import scored
from quartzdb.storage.index.steady_scores import steady_scores_of_segment, steady_scores_of_tail
from quartzdb.storage.index.view import Part, View


@dataclass(frozen=True, slots=True, eq=False)
class VectorRanking:
    """A Ranking. `recall`: what share of the best rows an index shall find; 1 scores every row that matches."""

    view: View
    query: Vector
    condition: Filter | None = None
    recall: float | None = None

    @property
    def exact(self) -> bool:
        return self.recall is not None and self.recall >= 1.0

    def best(self, source: int, count: int) -> RankedRows:
        if source < len(self.view.parts):
            return self._of_plan(plan(self.view.parts[source], self.condition, count), count)
        return self._of_tail(np.flatnonzero(self.view.tail_matching(self.condition)))

    def best_among(self, source: int, rows: Rows, count: int) -> RankedRows:
        if source == len(self.view.parts):
            return self._of_tail(rows[self.view.tail_matching(self.condition)[rows]])
        part = self.view.parts[source]
        rows = self._matching(part, rows)
        if len(rows) <= max(LISTED_MAX, count):
            return self._scored(part, rows)
        mask = np.zeros(len(part.alive), dtype=np.bool_)
        mask[rows] = True
        return self._of_plan(Plan(part, len(rows), filtered=True, allowed=mask), count)

    def _matching(self, part: Part, rows: Rows) -> Rows:
        if self.condition is None:
            return rows[part.alive[rows]]
        selection = part.selected(self.condition)
        if selection.rows is not None:
            return np.intersect1d(rows, selection.rows, assume_unique=True)
        assert selection.mask is not None, "a selection lists its rows or flags them"
        return rows[selection.mask[rows]]

    def _of_plan(self, chosen: Plan, count: int) -> RankedRows:
        if chosen.rows is not None or not chosen.matches:
            return self._scored(chosen.part, np.empty(0, np.int64) if chosen.rows is None else chosen.rows)
        index = chosen.part.segment.index
        if self.exact or isinstance(index, ExactIndex) or count >= chosen.matches:
            return self._scored_all(chosen.part, chosen.allowed)
        wanted = min(count, chosen.matches)
        found = scored(chosen, self.view.metric, self.query, wanted, self.recall, spare=True)
        scores = self._scored(chosen.part, found.rows).scores
        return RankedRows(found.rows, scores, chosen.matches, exact=len(found.rows) >= chosen.matches)

    def _scored_all(self, part: Part, allowed: Mask | None) -> RankedRows:
        rows = np.arange(part.segment.shape.rows) if allowed is None else np.flatnonzero(allowed)
        return self._scored(part, rows)

    def _scored(self, part: Part, rows: Rows) -> RankedRows:
        every = len(rows) == part.segment.shape.rows
        scores = steady_scores_of_segment(
            part.segment.vectors, self.view.metric, self.query, None if every else rows
        )
        return RankedRows(np.arange(len(rows)) if every else rows, scores, len(rows), exact=True)

    def _of_tail(self, rows: Rows) -> RankedRows:
        scores = steady_scores_of_tail(self.view.tail, self.view.metric, self.query, rows)
        return RankedRows(rows, scores, len(rows), exact=True)
