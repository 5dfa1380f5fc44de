"""How hard a graph must be searched and how many rows rescored, from searches with every ef for sample queries.

The rows that sample queries are made of are not in the graph yet, since a row's own links lead straight to its
neighbours; nor are other versions of them, which a walk finds at once and goes on from. (With ten versions of each row
in the graph, a sample promised .97 where real queries found .93.) Other near rows are, though the nearest do not count:
what a search spends on those, a real query has for others, so that it finds somewhat more than was asked for here.
(With that taken off, data in clumps fell short.)
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import partial

import numpy as np

from quartzdb.domain.recall import RECALL_TARGETS
from quartzdb.domain.vector import Floats, Matrix, Rows
from quartzdb.storage.index.engines.calibration import (
    SCAN_COST,
    SCAN_COST_PER_FLOAT,
    counts_for,
    least_of_best,
    sample_queries,
)
from quartzdb.storage.index.engines.exact import best
from quartzdb.storage.index.engines.graph import Graph
from quartzdb.storage.index.engines.kernel_graph import KernelGraph
from quartzdb.storage.index.engines.recall_levels import Level
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.engines.search_parameters import SearchParameters, SearchParameterTable
from quartzdb.storage.index.engines.trial import Trial

SAMPLE_QUERIES = 208
"""As many as the highest level takes to be told from perfection."""
EF_STEP = 1.12
"""Ratio of one considered ef (how many of the best rows seen a search goes on from) to the next."""
EF_MAX = 3000

# Nanoseconds, as measured for docs/benchmarks-engines.md; only ratios matter. One more of ef visits a row and looks
# at those of its neighbours that are new.
EF_COST, EF_COST_PER_FLOAT = 500.0, 3.0
RESCORED_FLOAT_COST = 1.0
KEPT = 0.999
"""Share of what a walk found that rescoring has to keep: a row more to rescore costs a sixth of a step of the walk."""


def calibrate(
    graph: Graph | KernelGraph,
    rotation: Rotation,
    vectors: Matrix,
    linked: Rows,
    own: Rows,
    long: Rows,
    generator: np.random.Generator,
) -> tuple[SearchParameterTable, Sequence[Level]] | None:
    """The cheapest search parameters that reach the usual target on sample queries, and each level reached.

    The graph searches for placed queries. Of the rows, `linked` are in it in that order, and queries are made of `own`,
    which are not. None where ten results are found as cheaply by a scan, or not well enough with any.
    """
    rows = len(vectors)
    trials = _Trials(parameters_for(rows), counts_for(rows))
    for asked in sample_queries(vectors, rotation, own, generator):
        asked.scores[long] = -np.inf
        trials.record(graph, asked.query, asked.scores[linked])
    dimension = vectors.shape[1]
    scan = rows * (SCAN_COST + SCAN_COST_PER_FLOAT * dimension)
    table, levels = trials.cheapest(dimension, scan)
    if not table or table[0].count != min(RECALL_TARGETS):
        return None
    if _cost([table[0].visit], dimension, 0, table[0].depth) >= scan:
        return None
    return SearchParameterTable(table), levels


def parameters_for(rows: int) -> tuple[int, ...]:
    """The ef that are tried."""
    parameters = [min(RECALL_TARGETS)]
    while parameters[-1] < min(EF_MAX, rows // 2):
        parameters.append(math.ceil(parameters[-1] * EF_STEP))
    return tuple(parameters)


class _Trials:
    """Every ef tried on every sample query."""

    def __init__(self, parameters: Sequence[int], counts: Sequence[int]) -> None:
        self._parameters = parameters
        self._counts = counts
        # For each ef and count, how many good rows came at which place of the ranking (1 is first).
        self._good_at = np.zeros((len(parameters), len(counts), parameters[-1] + 1), dtype=np.int32)
        self._wanted = np.zeros(len(counts), dtype=np.int64)

    def record(self, graph: Graph | KernelGraph, query: Floats, scores: Floats) -> None:
        """One query, and exact scores of the graph's rows, those that do not count at -inf."""
        takes_part = scores > -np.inf
        least = least_of_best(scores, self._counts, scores[best(scores, max(self._counts))])
        wanted = np.minimum(self._counts, np.count_nonzero(takes_part))
        self._wanted += wanted
        for number, parameter in enumerate(self._parameters):
            rows = graph.search(query, parameter, parameter)
            if rows is None:
                return
            ranked = scores[rows[takes_part[rows]]]
            places = [
                np.flatnonzero(ranked >= least[count])[:enough] + 1
                for count, enough in zip(self._counts, wanted, strict=True)
            ]
            full = all(at.size == enough for at, enough in zip(places, wanted, strict=True))
            # What finds everything finds it with any higher ef, in the same places.
            reached = slice(number, None if full else number + 1)
            for count, at in enumerate(places):
                self._good_at[reached, count, at] += 1
            if full:
                return

    def cheapest(self, dimension: int, scan: float) -> tuple[tuple[SearchParameters, ...], list[Level]]:
        """The cheapest search parameters for each count, up to the first that none serves, and those of the levels."""
        parameters: list[SearchParameters] = []
        levels: list[Level] = []
        for at, count in enumerate(self._counts):
            first = bisect_left(self._parameters, count)
            visits = self._parameters[first:]
            if not visits:
                break
            found = np.cumsum(self._good_at[first:, at], axis=1, dtype=np.int64)
            # With fewer rows than this to rescore, a walk would have to lead further for the same recall.
            enough = (found >= KEPT * found[:, -1:]).argmax(axis=1)
            enough = np.minimum.accumulate(enough[::-1])[::-1]
            found[np.arange(found.shape[1]) < enough[:, np.newaxis]] = 0
            parameter, reached = Trial(count, found, int(self._wanted[at]), visits).choose(
                partial(_cost, visits, dimension), scan
            )
            if parameter is None:
                break
            parameters.append(parameter)
            levels += reached
        return tuple(parameters), levels


def _cost(parameters: Sequence[float], dimension: int, number: int, depth: int) -> float:
    visiting = parameters[number] * (EF_COST + EF_COST_PER_FLOAT * dimension)
    return visiting + depth * dimension * RESCORED_FLOAT_COST
