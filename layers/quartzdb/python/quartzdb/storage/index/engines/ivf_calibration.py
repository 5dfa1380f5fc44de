"""How many lists an IVF index must visit and how many rows it must rescore, by replaying sample queries.

One search of all lists ranks rows by their codes; what a search of fewer lists would have ranked is that ranking
without the rows of the other lists. So every setting is judged from one search per sample query.

A plain search visits lists whose relative nearness reaches a cut: 1 is the nearest list's, 0 the average's. At equal
recall that scanned 15 to 20 % fewer rows than a fixed number of lists (100k × 384, cosine and euclidean).

A filtered search cannot go by that: what a filter allows may lie anywhere. It goes by what it finds: lists are visited
while their centroid is no further than a gap behind the last result wanted, and rows are rescored whose estimate is no
further than a margin behind it. The nearer the allowed rows, the sooner it ends. Gap and margin must also do in the
hard case, which is simulated: only rows in the lists furthest from the query are allowed, where codes tell them apart
worst.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.recall import RECALL_TARGETS
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Matrix, Rows
from quartzdb.storage.index.engines.calibration import (
    SCAN_COST,
    SCAN_COST_PER_FLOAT,
    counts_for,
    least_of_best,
    sample_queries,
)
from quartzdb.storage.index.engines.codes import Codes
from quartzdb.storage.index.engines.probe_margins import FILTERED_LEVELS, ProbeMargin, ProbeMarginTable
from quartzdb.storage.index.engines.recall_levels import Level, measurable
from quartzdb.storage.index.engines.recall_levels import document as levels_document
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.engines.search_parameters import (
    PLAIN_LEVELS,
    SearchParameters,
    SearchParameterTable,
)
from quartzdb.storage.index.engines.trial import Trial

DEPTH_MAX = 8192
"""The deepest rescoring considered: beyond it more bits are the better bargain."""
DEPTH_SHARE_MAX = 0.25
"""Nor may the smallest count need more than this share of the rows, or the codes are of no use."""
BINDING_COUNT_MAX = 100
"""Larger counts may fall short of the target at the deepest rescoring; they are no reason for more bits."""
FILTERED_TARGETS = {10: 0.99, 100: 0.985, 1000: 0.97}
"""What a filtered search that names no recall is to reach on the sample, if it can; else what a plain one is.

A filter may allow only what is harder to tell apart than any simulated one leaves, and going on costs little: with .97
real filters on what is far away found .969 of ten at 100k × 384, with .99 they found .989 in a tenth more time.
"""
FAR_SHARES = (0.5, 0.25)
"""Which shares of rows the simulated filters allow, in turn."""
CUTS = (0.98, 0.95, *(round(0.92 - 0.03 * step, 2) for step in range(41)), -1e9)
"""Relative nearness that a list must have; the last takes every list."""
GAP_MAX = 1e9
"""A gap that no list is behind."""

# What a search by the kernel costs, in nanoseconds, as measured for docs/benchmarks-engines.md. Only the ratios matter:
# they decide between more lists and deeper rescoring by arithmetic and not by timing, so that builds repeat. Without
# AVX-512 or the kernel, passing over codes takes up to twice as long, and what is cheapest here a few percent too long.
LIST_COST = 50.0
CODE_BYTE_COST = 0.025
RESCORED_FLOAT_COST = 0.37


@dataclass(frozen=True, slots=True)
class ParametersFound:
    """What calibration found."""

    plain: SearchParameterTable
    plain_levels: Sequence[Level]
    filtered: ProbeMarginTable
    filtered_levels: Sequence[Level]

    def document(self) -> Mapping[str, Any]:
        """JSON for a segment's parameters."""
        return {
            "plain": self.plain.document(),
            "filtered": self.filtered.document(),
            PLAIN_LEVELS: levels_document(self.plain_levels),
            FILTERED_LEVELS: levels_document(self.filtered_levels),
        }


def near_lists(nearness: Floats, cut: float) -> Rows:
    """Lists whose relative nearness is at least `cut`, nearest first; never none."""
    # As `relative` has it, but turned round, so that one number is scaled and not all of them.
    average = float(np.add.reduce(nearness)) / nearness.size
    best = float(np.maximum.reduce(nearness))
    if best > average:
        lists = np.flatnonzero(nearness >= min(average + cut * (best - average), best))
    else:
        lists = np.arange(nearness.size)
    return lists[np.argsort(-nearness[lists])]


def relative(nearness: Floats) -> Floats:
    """Nearness on a scale where the best list is 1 and the average is 0, whatever the metric and its unit."""
    average, best = nearness.mean(), nearness.max()
    if not best > average:
        return np.ones_like(nearness)
    scaled: Floats = (nearness - average) / (best - average)
    scaled[nearness == best] = 1.0
    return scaled


def calibrate(
    codes: Codes, rotation: Rotation, vectors: Matrix, own: Rows, *, seed: int
) -> ParametersFound | None:
    """The cheapest search parameters that reach the target recall on held-out rows; None where these codes cannot."""
    counts = counts_for(len(vectors))
    trials = _Trials(codes, counts)
    near, far = _Margins(counts), _Margins(counts)
    grouped, starts = codes.grouped
    sizes = np.diff(starts)
    list_of_row = np.empty(codes.rows, dtype=np.int32)
    list_of_row[grouped] = np.repeat(np.arange(codes.lists, dtype=np.int32), sizes)
    for number, asked in enumerate(sample_queries(vectors, rotation, own, np.random.default_rng(seed))):
        turned = rotation.turned(asked.query[None, :])[0]
        nearness = codes.centroids.nearness(turned)
        lists = np.argsort(-nearness)
        ranking = _ranked(codes, turned, lists, nearness, asked.scores, list_of_row)
        trials.record(ranking, nearness, sizes)
        near.record(ranking)
        share = FAR_SHARES[number % len(FAR_SHARES)]
        furthest = lists[::-1]
        furthest = furthest[: int(np.searchsorted(np.cumsum(sizes[furthest]), share * codes.rows)) + 1]
        allowed = np.zeros(codes.lists, dtype=np.bool_)
        allowed[furthest] = True
        scores = np.where(allowed[list_of_row], asked.scores, np.float32(-np.inf))
        far.record(_ranked(codes, turned, furthest[::-1], nearness, scores, list_of_row))
    plain, probe_margins = trials.cheapest(), _Margins.widest(near, far)
    if plain is None or probe_margins is None or plain[0][0].depth > DEPTH_SHARE_MAX * codes.rows:
        return None
    return ParametersFound(
        SearchParameterTable(plain[0]), plain[1], ProbeMarginTable(probe_margins[0]), probe_margins[1]
    )


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Rows as codes rank them, best first: estimates, exact scores, lists and how near those are; all rows' scores."""

    estimates: Floats
    scores: Floats
    lists: npt.NDArray[np.int32]
    nearness: Floats
    all_scores: Floats
    allowed: int

    def goals(self, counts: Sequence[int]) -> Iterator[tuple[int, Rows]]:
        """For each count: how many results there should be, and the places of all rows that are good enough."""
        guess = np.sort(self.scores)[::-1][: max(counts)]
        for count, least in least_of_best(self.all_scores, counts, guess).items():
            yield min(count, self.allowed), np.flatnonzero(self.scores >= least)


def _ranked(
    codes: Codes,
    turned: Floats,
    lists: Rows,
    nearness: Floats,
    scores: Floats,
    list_of_row: npt.NDArray[np.int32],
) -> _Ranking:
    """A search of these lists. Rows at -inf do not take part: those the query was made of, or not allowed."""
    rows, estimates = codes.search(turned, min(DEPTH_MAX, codes.rows), lists, nearness[lists])
    takes_part = scores[rows] > -np.inf
    rows, estimates = rows[takes_part], estimates[takes_part]
    row_lists = list_of_row[rows]
    allowed = int(np.count_nonzero(scores > -np.inf))
    return _Ranking(estimates, scores[rows], row_lists, nearness[row_lists], scores, allowed)


class _Margins:
    """How far behind the last result wanted the good rows lay, and the centroids of their lists."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._counts = counts
        self._gaps: dict[int, list[Floats]] = {count: [] for count in counts}
        self._margins: dict[int, list[Floats]] = {count: [] for count in counts}

    def record(self, ranking: _Ranking) -> None:
        """One query."""
        for count, (wanted, good_enough) in zip(self._counts, ranking.goals(self._counts), strict=True):
            if not wanted or not ranking.estimates.size:
                continue
            good = good_enough[:wanted]
            last = ranking.estimates[min(wanted, ranking.estimates.size) - 1]
            # What the deepest ranking does not have is as far behind as can be.
            missing = np.full(wanted - good.size, np.inf, dtype=np.float32)
            self._gaps[count].append(np.concatenate([last - ranking.nearness[good], missing]))
            self._margins[count].append(np.concatenate([last - ranking.estimates[good], missing]))

    @staticmethod
    def widest(*cases: _Margins) -> tuple[tuple[ProbeMargin, ...], list[Level]] | None:
        """What reaches the usual target and each level in every case; None where a binding count cannot be served."""
        probe_margins: list[ProbeMargin] = []
        levels: list[Level] = []
        for count in cases[0]._counts:
            gaps = [_ascending(case._gaps[count]) for case in cases]
            margins = [_ascending(case._margins[count]) for case in cases]
            gap, margin = _reaching(gaps, margins, FILTERED_TARGETS[count])
            if not math.isfinite(gap + margin):
                gap, margin = _reaching(gaps, margins, RECALL_TARGETS[count])
            if not math.isfinite(gap + margin):
                if count <= BINDING_COUNT_MAX:
                    return None
                gap, margin = GAP_MAX, max(_largest_finite(values) for values in margins)
            probe_margins.append(ProbeMargin(count, gap, margin))
            for recall in measurable(min(values.size for values in gaps)):
                gap, margin = _reaching(gaps, margins, recall)
                if math.isfinite(gap + margin):
                    levels.append(Level(count, recall, gap, margin))
        return tuple(probe_margins), levels


def _reaching(gaps: Sequence[Floats], margins: Sequence[Floats], recall: float) -> tuple[float, float]:
    """The gap and the margin that find this share of the good rows in every case."""
    # Half of what may be missed is allowed to each of the two.
    share = 1.0 - (1.0 - recall) / 2
    gap = max(_quantile(values, share) for values in gaps)
    margin = max(_quantile(values, share) for values in margins)
    return round(gap, 6), round(max(margin, 0.0), 6)


def _ascending(parts: Sequence[Floats]) -> Floats:
    return np.sort(np.concatenate(parts)) if parts else np.zeros(1, dtype=np.float32)


def _quantile(ascending: Floats, share: float) -> float:
    """The value that this share of the values does not exceed."""
    return float(ascending[math.ceil(share * (ascending.size - 1))])


def _largest_finite(values: Floats) -> float:
    return float(values[np.isfinite(values)].max(initial=0.0))


def _places(first_cut: Rows, good: Rows) -> Rows:
    """For each cut, at which place (1 is first) each of the good ranks is among those that the cut visits."""
    # How many ranks between one good one and the next are visited from which cut on; then summed both ways.
    stretch = np.searchsorted(good, np.arange(first_cut.size))
    counted = np.bincount(stretch * len(CUTS) + first_cut, minlength=(good.size + 1) * len(CUTS))
    upto = counted.reshape(good.size + 1, len(CUTS))[: good.size].cumsum(axis=1).cumsum(axis=0)
    return upto.T


class _Trials:
    """Cuts tried on every sample query."""

    def __init__(self, codes: Codes, counts: Sequence[int]) -> None:
        self._codes = codes
        self._counts = counts
        self._deepest = min(DEPTH_MAX, codes.rows)
        # For each count and cut, how many good rows came at which place of the ranking (1 is first).
        self._good_at = np.zeros((len(counts), len(CUTS), self._deepest + 1), dtype=np.int32)
        self._wanted = np.zeros(len(counts), dtype=np.int64)
        self._rows_visited = np.zeros(len(CUTS))
        self._lists_visited = np.zeros(len(CUTS))
        self._queries = 0

    def record(self, ranking: _Ranking, nearness: Floats, sizes: Rows) -> None:
        """One query: what a search of all lists ranked, and of all lists how near and how large they are."""
        self._queries += 1
        visited = relative(nearness)[None, :] >= np.array(CUTS)[:, None]
        self._rows_visited += visited @ sizes
        self._lists_visited += visited.sum(axis=1)
        # Cuts fall, so what one visits all later ones visit: the number of the first says it all.
        first_cut = (len(CUTS) - np.count_nonzero(visited, axis=0))[ranking.lists]
        goals = list(ranking.goals(self._counts))
        # The good rows of a smaller count are among those of a larger one.
        largest = max((good for _, good in goals), key=len)
        places = _places(first_cut, largest)
        numbers = np.arange(len(CUTS))[:, None] * (self._deepest + 1)
        for at, (wanted, good) in enumerate(goals):
            self._wanted[at] += wanted
            hits = first_cut[good][None, :] <= np.arange(len(CUTS))[:, None]
            # More rows than are wanted may be equally good: the first of them are the answer.
            hits &= np.cumsum(hits, axis=1, dtype=np.int32) <= wanted
            # No two of the good rows have one place under one cut.
            reached = places[:, np.searchsorted(largest, good)]
            self._good_at[at].reshape(-1)[(numbers + reached)[hits]] += 1

    def cheapest(self) -> tuple[tuple[SearchParameters, ...], list[Level]] | None:
        """The cheapest search parameters for each count and level; None where a binding count has none."""
        parameters: list[SearchParameters] = []
        levels: list[Level] = []
        scan = self._codes.rows * (SCAN_COST + SCAN_COST_PER_FLOAT * self._codes.width)
        for at, count in enumerate(self._counts):
            found = np.cumsum(self._good_at[at], axis=1, dtype=np.int64)
            parameter, reached = Trial(count, found, int(self._wanted[at]), CUTS).choose(self._cost, scan)
            if parameter is None and count <= BINDING_COUNT_MAX:
                return None
            parameters.append(parameter or SearchParameters(count, CUTS[-1], self._deepest))
            levels += reached
        return tuple(parameters), levels

    def _cost(self, number: int, depth: int) -> float:
        lists = self._lists_visited[number] / self._queries
        rows = self._rows_visited[number] / self._queries
        visiting = lists * LIST_COST + rows * self._codes.row_bytes * CODE_BYTE_COST
        return float(visiting + depth * self._codes.width * RESCORED_FLOAT_COST)
