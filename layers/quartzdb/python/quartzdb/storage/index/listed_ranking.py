"""A ranking of rows whose scores are all known already: by words, by sparse vectors, or fused of several parts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from quartzdb.domain.vector import Floats, Rows
from quartzdb.storage.index.hits import Hits
from quartzdb.storage.index.ranking import RankedRows

_NOTHING = RankedRows(np.empty(0, np.int64), np.empty(0, np.float32), 0, exact=True)


class ListedRanking:
    """A Ranking. What is not listed does not match. `exact`: of what is not listed, none is better."""

    def __init__(self, hits: Iterable[Hits], *, exact: bool = True) -> None:
        self._exact = exact
        self._sources = {one.source: self._ranked(one.rows, one.scores) for one in hits}

    @property
    def exact(self) -> bool:
        return self._exact

    def best(self, source: int, count: int) -> RankedRows:
        del count
        return self._sources.get(source, _NOTHING)

    def best_among(self, source: int, rows: Rows, count: int) -> RankedRows:
        del count
        listed = self._sources.get(source, _NOTHING)
        here = np.isin(listed.rows, rows)
        return self._ranked(listed.rows[here], listed.scores[here])

    def _ranked(self, rows: Rows, scores: Floats) -> RankedRows:
        return RankedRows(rows, scores.astype(np.float32), len(rows), self._exact)
