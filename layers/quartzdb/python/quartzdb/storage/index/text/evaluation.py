"""Evaluation: the best rows of a segment or the tail for a text query.

Words are taken by how much they say. Once `top_k` rows have more than all remaining words together could give, rows
with none of the words so far cannot be among the best any more: the remaining lists are only looked up, at the rows
that can (MaxScore; Turtle and Flood, "Query Evaluation: Strategies and Optimizations", 1995). None of the best is ever
lost by it, and a row's score is the same sum in the same order, whichever way it is found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Mask, Rows
from quartzdb.storage.index.text.inverted import Inverted
from quartzdb.storage.index.text.leaves import AnalysedQuery, Leaf
from quartzdb.storage.index.text.merged import counts_at, merged
from quartzdb.storage.index.text.postings import Postings
from quartzdb.storage.index.text.scoring import Scoring

_ROUNDING = np.float32(1 - 1e-5)
"""Sums of 32-bit numbers are as exact as that: a row that is so near to the threshold is kept."""
_LOOKED_AT_MIN = 512
"""So few postings are added faster than it is found out whether they must be."""


@dataclass(frozen=True, slots=True, eq=False)
class Admitted:
    """The rows that may be found: some of them by number, ascending; those of a mask; or, with neither, all."""

    rows: Rows | None = None
    mask: Mask | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """Rows (m,) with their scores (m,), in no particular order: the best there are, and perhaps others. `all_matching`:
    every row that matches.
    """

    rows: Rows
    scores: Floats
    all_matching: bool


@dataclass(frozen=True, slots=True, eq=False)
class _List:
    postings: Postings
    weight: np.float32
    peak: float
    """The most that it can add to a score."""


def evaluate(
    inverted: Inverted, asked: AnalysedQuery, scoring: Scoring, allowed: Admitted, top_k: int | None
) -> Evaluated:
    """The `top_k` best of the rows that match and are allowed; None: all that match. Raises DeadlineExceeded."""
    lists = _lists(inverted, scoring)
    if not lists:
        return _NOTHING
    excluded = [merged(inverted, leaf, asked.weights) for leaf in asked.excluded]
    if asked.required:
        return _scored(inverted, scoring, lists, _required(inverted, asked, allowed, excluded))
    if allowed.rows is not None:
        return _scored(inverted, scoring, lists, _without(allowed.rows, excluded, inverted.rows))
    mask = allowed.mask
    if any(one.rows.size for one in excluded):
        mask = np.ones(inverted.rows, dtype=np.bool_) if mask is None else mask.copy()
        for one in excluded:
            mask[one.rows] = False
    return _Accumulation(inverted, scoring, lists, mask).best(top_k)


def _lists(inverted: Inverted, scoring: Scoring) -> list[_List]:
    lists: list[_List] = []
    least_norm = scoring.least_norm(inverted)
    for leaf, weight in scoring.leaves:
        check_deadline()
        postings = merged(inverted, leaf, scoring.weights)
        if postings.rows.size:
            peak = weight * postings.peak / (postings.peak + least_norm)
            lists.append(_List(postings, np.float32(weight), peak))
    return lists


def _required(
    inverted: Inverted, asked: AnalysedQuery, allowed: Admitted, excluded: Sequence[Postings]
) -> Rows:
    """The allowed rows that have all that a record must have, and nothing that it must not."""

    def found(leaf: Leaf) -> Postings:
        return merged(inverted, leaf, asked.weights)

    lists = sorted(map(found, asked.required), key=lambda one: one.rows.size)
    rows: Rows = lists[0].rows.astype(np.int64)
    if allowed.mask is not None:
        rows = rows[allowed.mask[rows]]
    if allowed.rows is not None:
        rows = np.intersect1d(rows, allowed.rows, assume_unique=True)
    for one in lists[1:]:
        check_deadline()
        rows = rows[counts_at(one, rows, inverted.rows) > 0]
    return _without(rows, excluded, inverted.rows)


def _without(rows: Rows, excluded: Sequence[Postings], row_count: int) -> Rows:
    for one in excluded:
        rows = rows[counts_at(one, rows, row_count) == 0]
    return rows


def _scored(inverted: Inverted, scoring: Scoring, lists: Sequence[_List], rows: Rows) -> Evaluated:
    """Those of some rows that have any word, all scored."""
    norms = scoring.norms(inverted, rows)
    scores = np.zeros(rows.size, dtype=np.float32)
    for one in lists:
        check_deadline()
        scores += _impacts(one, counts_at(one.postings, rows, inverted.rows), norms)
    there = scores > 0
    return Evaluated(rows[there], scores[there], all_matching=True)


def _impacts(one: _List, counts: Floats, norms: Floats) -> Floats:
    impacts: Floats = counts / (counts + norms)
    impacts *= one.weight
    return impacts


class _Accumulation:
    """Scores of all rows as they grow, list by list. Every list adds something above zero to each of its rows."""

    def __init__(
        self, inverted: Inverted, scoring: Scoring, lists: Sequence[_List], mask: Mask | None
    ) -> None:
        self._inverted = inverted
        self._scoring = scoring
        self._lists = lists
        self._mask = mask
        self._sums = np.zeros(inverted.rows, dtype=np.float32)
        self._added: list[np.ndarray[tuple[int, ...], np.dtype[np.int32]]] = []
        self._size = 0

    def best(self, top_k: int | None) -> Evaluated:
        rest = np.cumsum([one.peak for one in self._lists][::-1])[::-1].tolist()
        left = np.cumsum([one.postings.rows.size for one in self._lists][::-1])[::-1].tolist()
        for number, one in enumerate(self._lists):
            check_deadline()
            if (
                top_k is not None
                and self._size >= top_k
                and left[number] > max(_LOOKED_AT_MIN, self._size // 2)
            ):
                threshold = self._threshold(top_k)
                if rest[number] < threshold:
                    return self._looked_up(number, rest, threshold, top_k)
            self._add(one)
        threshold = 0.0 if top_k is None else self._threshold(top_k)
        rows = self._rows_from(threshold)
        return Evaluated(rows, self._sums[rows], all_matching=threshold <= 0)

    def _add(self, one: _List) -> None:
        rows, counts = one.postings.rows, one.postings.counts
        if self._mask is not None:
            kept = self._mask[rows]
            rows, counts = rows[kept], counts[kept]
        self._sums[rows] += _impacts(one, counts, self._scoring.norms(self._inverted, rows))
        self._added.append(rows)
        self._size += rows.size

    def _threshold(self, top_k: int) -> float:
        """What the `top_k` best have at least; 0 where there may be fewer rows."""
        # A row is in as many lists as it has words.
        among = top_k * len(self._added)
        if self._size <= among:
            return 0.0
        scores = np.concatenate([self._sums[rows] for rows in self._added])
        return float(np.partition(scores, scores.size - among)[scores.size - among] * _ROUNDING)

    def _rows_from(self, score: float) -> Rows:
        """The rows that have at least that, and anything at all."""
        if self._size > self._sums.size // 8:
            enough = self._sums >= score if score > 0 else self._sums > 0
            return np.flatnonzero(enough)
        rows = np.concatenate([rows[self._sums[rows] >= score] for rows in self._added])
        rows.sort()  # np.unique takes ten times as long
        found: Rows = rows[np.diff(rows, prepend=-1) != 0].astype(np.int64)
        return found

    def _looked_up(self, number: int, rest: Sequence[float], threshold: float, top_k: int) -> Evaluated:
        """The best, where rows that have none of the lists before this one cannot be among them."""
        rows = self._rows_from(threshold - rest[number])
        scores = self._sums[rows]
        norms = self._scoring.norms(self._inverted, rows)
        for place, one in enumerate(self._lists[number:], number):
            check_deadline()
            if rows.size > top_k:
                least = np.partition(scores, scores.size - top_k)[scores.size - top_k] * _ROUNDING
                kept = scores + np.float32(rest[place]) >= least
                rows, scores, norms = rows[kept], scores[kept], norms[kept]
            scores = scores + _impacts(one, counts_at(one.postings, rows, self._inverted.rows), norms)
        return Evaluated(rows, scores, all_matching=False)


_NOTHING = Evaluated(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32), all_matching=True)
