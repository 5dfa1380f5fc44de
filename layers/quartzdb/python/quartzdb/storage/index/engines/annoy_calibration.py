"""How many nodes Annoy must visit and how many rows be rescored, from visits of every number for sample queries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quartzdb.domain.vector import Matrix, Rows
from quartzdb.storage.index.engines.annoy_space import AnnoySpace
from quartzdb.storage.index.engines.calibration import (
    counts_for,
    held_out,
    least_of_best,
    sample_queries,
)
from quartzdb.storage.index.engines.exact import best
from quartzdb.storage.index.engines.recall_levels import Level
from quartzdb.storage.index.engines.search_parameters import SearchParameters, SearchParameterTable
from quartzdb.storage.index.engines.trial import Trial

if TYPE_CHECKING:
    from annoy import AnnoyIndex

SAMPLE_QUERIES = 96
VISIT_STEP = 1.3
"""Ratio of one considered number of nodes to the next."""
DEPTH_MAX = 4096
# Nanoseconds, as measured: to visit one row by a tree, and to rescore one. Only ratios matter, and that to a scan:
# trees whose visit costs more than a scan are not worth their file.
VISIT_COST, VISIT_COST_PER_FLOAT = 60.0, 0.28
RESCORED_COST, RESCORED_FLOAT_COST = 100.0, 2.0
SCAN_COST, SCAN_COST_PER_FLOAT = 5.0, 0.2
"""Of rows that stay in a core's caches, as those do of segments so small that the two are close."""


def calibrate(
    trees: AnnoyIndex, space: AnnoySpace, vectors: Matrix, long: Rows, generator: np.random.Generator
) -> tuple[SearchParameterTable, Sequence[Level]] | None:
    """The cheapest search parameters that reach the usual target on sample queries, and each level.

    None where a scan is cheaper. A larger count that is not served ends the table; so does the first, and with it
    the index.
    """
    rows, dimension = vectors.shape
    counts = counts_for(rows)
    scan = rows * (SCAN_COST + SCAN_COST_PER_FLOAT * dimension)
    visits = _visits(counts[0] * 5, scan / (VISIT_COST + VISIT_COST_PER_FLOAT * space.width))
    good_at = np.zeros((len(counts), len(visits), DEPTH_MAX + 1), dtype=np.int32)
    wanted = np.zeros(len(counts), dtype=np.int64)
    for asked in sample_queries(vectors, space, held_out(rows, generator, SAMPLE_QUERIES), generator):
        asked.scores[long] = -np.inf
        takes_part = asked.scores > -np.inf
        least = least_of_best(asked.scores, counts, asked.scores[best(asked.scores, max(counts))])
        enough = np.minimum(counts, np.count_nonzero(takes_part))
        wanted += enough
        query = space.query(asked.query)
        for number, visit in enumerate(visits):
            # Asked for as many results as nodes, Annoy returns all that it visited, best first.
            ranked = np.array(trees.get_nns_by_vector(query, visit, visit), dtype=np.int64)
            scores = asked.scores[ranked[takes_part[ranked]]]
            places = [
                np.flatnonzero(scores >= least[count])[:most] + 1
                for count, most in zip(counts, enough, strict=True)
            ]
            full = all(at.size == most for at, most in zip(places, enough, strict=True))
            # What finds everything finds it with any more visits, in about the same places.
            reached = slice(number, None if full else number + 1)
            for at, of_count in enumerate(places):
                good_at[at, reached, of_count[of_count <= DEPTH_MAX]] += 1
            if full:
                break

    def cost(number: int, depth: int) -> float:
        visiting = visits[number] * (VISIT_COST + VISIT_COST_PER_FLOAT * space.width)
        return float(visiting + depth * (RESCORED_COST + RESCORED_FLOAT_COST * dimension))

    parameters: list[SearchParameters] = []
    levels: list[Level] = []
    for at, count in enumerate(counts):
        found = np.cumsum(good_at[at], axis=1, dtype=np.int64)
        parameter, reached_levels = Trial(count, found, int(wanted[at]), visits).choose(cost, scan)
        if parameter is None or cost(visits.index(int(parameter.visit)), parameter.depth) >= scan:
            break
        parameters.append(parameter)
        levels += reached_levels
    return (SearchParameterTable(tuple(parameters)), levels) if parameters else None


def _visits(first: int, last: float) -> list[int]:
    visits = [first]
    while visits[-1] * VISIT_STEP < last:
        visits.append(math.ceil(visits[-1] * VISIT_STEP))
    return visits
