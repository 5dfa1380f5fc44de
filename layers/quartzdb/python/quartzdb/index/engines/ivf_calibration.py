"""How many lists an IVF index must visit and how many rows it must rescore, by replaying sample queries.

One search of all lists ranks rows by their codes; what a search of fewer lists would have ranked is that ranking
without the rows of the other lists. So every setting is judged from one search per sample query.

A plain search visits lists whose relative nearness reaches a cut: 1 is the nearest list's, 0 the average's. At equal
recall that scanned 15 to 20 % fewer rows than a fixed number of lists (100k × 384, cosine and euclidean).

A filtered search visits lists until it has seen a number of allowed rows. Its hard case is simulated: only rows in the
lists furthest from the query are allowed, where all distances are alike and codes tell rows apart worst.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Floats, Matrix, Rows
from quartzdb.index.engines.calibration import (
    RECALL_TARGETS,
    Effort,
    EffortTable,
    counts_for,
    least_of_best,
    sample_queries,
)
from quartzdb.index.engines.codes import Codes
from quartzdb.index.engines.frame import Frame

DEPTH_MAX = 8192
"""The deepest rescoring considered: beyond it more bits are the better bargain."""
DEPTH_SHARE_MAX = 0.25
"""Nor may the smallest count need more than this share of the rows, or the codes are of no use."""
BINDING_COUNT_MAX = 100
"""Larger counts may fall short of the target at the deepest rescoring; they are no reason for more bits."""
FAR_SHARES = (0.5, 0.25)
"""Which shares of rows the simulated filters allow."""
CUTS = (0.98, 0.95, *(round(0.92 - 0.03 * step, 2) for step in range(41)), -1e9)
"""Relative nearness that a list must have; the last takes every list."""
ROWS_STEP = 1.2
"""Ratio of one considered number of allowed rows to the next."""

# What a search costs, in nanoseconds, as measured for docs/benchmarks-engines.md. Only the ratios matter: they decide
# between more lists and deeper rescoring by arithmetic and not by timing, so that builds repeat.
LIST_COST = 400.0
CODE_BYTE_COST = 0.25
RESCORED_FLOAT_COST = 2.0


@dataclass(frozen=True, slots=True)
class Efforts:
    """What calibration found."""

    plain: EffortTable
    filtered: EffortTable

    def document(self) -> Mapping[str, Any]:
        """JSON for a segment's parameters."""
        return {"plain": self.plain.document(), "filtered": self.filtered.document()}


def near_lists(nearness: Floats, cut: float) -> Rows:
    """Lists whose relative nearness is at least `cut`, nearest first; never none."""
    lists = np.flatnonzero(relative(nearness) >= cut)
    return lists[np.argsort(-nearness[lists])]


def relative(nearness: Floats) -> Floats:
    """Nearness on a scale where the best list is 1 and the average is 0, whatever the metric and its unit."""
    average, best = nearness.mean(), nearness.max()
    if not best > average:
        return np.ones_like(nearness)
    scaled: Floats = (nearness - average) / (best - average)
    scaled[nearness == best] = 1.0
    return scaled


def calibrate(codes: Codes, frame: Frame, vectors: Matrix, own: Rows, *, seed: int) -> Efforts | None:
    """The cheapest efforts that reach the target recall on held-out rows; None where these codes cannot reach it."""
    rows = len(vectors)
    counts = counts_for(rows)
    rows_grid = _row_numbers(max(1, rows // 256), rows)
    plain = _Trials(codes, counts, tuple(-cut for cut in CUTS))
    far = _Trials(codes, counts, tuple(float(number) for number in rows_grid))
    grouped, starts = codes.grouped
    sizes = np.diff(starts)
    list_of_row = np.empty(rows, dtype=np.int32)
    list_of_row[grouped] = np.repeat(np.arange(codes.lists, dtype=np.int32), sizes)
    for number, asked in enumerate(sample_queries(vectors, frame, own, np.random.default_rng(seed))):
        turned = frame.turned(asked.query[None, :])[0]
        nearness = codes.nearness(turned)
        lists = np.argsort(-nearness)
        ranking = codes.search(turned, plain.deepest, lists, nearness[lists])
        plain.record(ranking, list_of_row, -relative(nearness), sizes, asked.scores)
        # The far lists: as many from the end as hold the share of rows, and how many rows come before each of them.
        share = FAR_SHARES[number % len(FAR_SHARES)]
        lists = lists[::-1][: int(np.searchsorted(np.cumsum(sizes[lists[::-1]]), share * rows)) + 1][::-1]
        before = np.full(codes.lists, np.inf)
        before[lists] = np.cumsum(sizes[lists]) - sizes[lists] + 1
        scores = np.where(np.isfinite(before)[list_of_row], asked.scores, np.float32(-np.inf))
        ranking = codes.search(turned, far.deepest, lists, nearness[lists])
        far.record(ranking, list_of_row, before, sizes, scores)
    cheapest, cheapest_far = plain.cheapest(), far.cheapest()
    if cheapest is None or cheapest_far is None or cheapest[0].depth > DEPTH_SHARE_MAX * rows:
        return None
    table = tuple(Effort(effort.count, -effort.visit, effort.depth) for effort in cheapest)
    return Efforts(EffortTable(table), EffortTable(cheapest_far))


class _Trials:
    """Settings tried on every sample query. A list takes part in a setting if the number it is given is no greater."""

    def __init__(self, codes: Codes, counts: Sequence[int], settings: tuple[float, ...]) -> None:
        self.deepest = min(DEPTH_MAX, codes.rows)
        self._codes = codes
        self._counts = counts
        self._settings = np.array(settings)
        # For each count and setting, how many good rows came at which place of the ranking (1 is first).
        self._good_at = np.zeros((len(counts), len(settings), self.deepest + 1), dtype=np.int32)
        self._wanted = np.zeros(len(counts), dtype=np.int64)
        self._rows_visited = np.zeros(len(settings))
        self._lists_visited = np.zeros(len(settings))
        self._queries = 0

    def record(
        self,
        ranking: Rows,
        list_of_row: npt.NDArray[np.int32],
        given: npt.NDArray[np.floating[Any]],
        sizes: Rows,
        scores: Floats,
    ) -> None:
        """One query: what an all-lists search ranked, the number given to each list, and exact scores of all rows."""
        self._queries += 1
        lists_take_part = given[None, :] <= self._settings[:, None]
        self._rows_visited += lists_take_part @ sizes
        self._lists_visited += lists_take_part.sum(axis=1)
        ranking = ranking[scores[ranking] > -np.inf]
        takes_part = lists_take_part[:, list_of_row[ranking]]
        places = np.cumsum(takes_part, axis=1, dtype=np.int32)
        ranked_scores = scores[ranking]
        allowed = int(np.count_nonzero(scores > -np.inf))
        numbers = np.arange(len(self._settings))[:, None] * (self.deepest + 1)
        for at, (count, least) in enumerate(least_of_best(scores, self._counts, ranking).items()):
            wanted = min(count, allowed)
            self._wanted[at] += wanted
            good = np.flatnonzero(ranked_scores >= least)
            hits = takes_part[:, good]
            # More rows than are wanted may be equally good: the first of them are the answer.
            hits &= np.cumsum(hits, axis=1, dtype=np.int32) <= wanted
            np.add.at(self._good_at[at].reshape(-1), (numbers + places[:, good])[hits], 1)

    def cheapest(self) -> tuple[Effort, ...] | None:
        """The cheapest effort for each count; None where a binding count has none."""
        efforts = []
        for at, count in enumerate(self._counts):
            found = np.cumsum(self._good_at[at], axis=1, dtype=np.int64)
            needed = math.ceil(RECALL_TARGETS[count] * self._wanted[at])
            options = []
            for number in np.flatnonzero(found[:, -1] >= needed):
                depth = max(count, int(np.searchsorted(found[number], needed)))
                options.append((self._cost(number, depth), float(self._settings[number]), depth))
            if options:
                _, visit, depth = min(options)
                efforts.append(Effort(count, visit, depth))
            elif count <= BINDING_COUNT_MAX:
                return None
            else:
                efforts.append(Effort(count, float(self._settings[-1]), self.deepest))
        return tuple(efforts)

    def _cost(self, setting: np.intp, depth: int) -> float:
        lists = self._lists_visited[setting] / self._queries
        rows = self._rows_visited[setting] / self._queries
        visiting = lists * LIST_COST + rows * self._codes.row_bytes * CODE_BYTE_COST
        return float(visiting + depth * self._codes.width * RESCORED_FLOAT_COST)


def _row_numbers(first: int, last: int) -> tuple[int, ...]:
    numbers = [first]
    while numbers[-1] < last:
        numbers.append(min(last, max(numbers[-1] + 1, round(numbers[-1] * ROWS_STEP))))
    return tuple(numbers)
