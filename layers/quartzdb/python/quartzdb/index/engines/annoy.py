"""The Annoy engine: random-projection trees in one mapped file. It imports in a millisecond and needs no training.

Annoy ranks what it visits by full-precision distances of its own copy, so only how many nodes it visits is calibrated.
It cannot filter: with a filter, the allowed rows are scanned. Where visiting would cost as much as a scan, no trees
are written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Mask, Matrix, Rows, Vector, norms_of
from quartzdb.index.engines.calibration import (
    counts_for,
    held_out,
    least_of_best,
    sample_queries,
)
from quartzdb.index.engines.efforts import Effort, EffortTable, efforts_by_recall
from quartzdb.index.engines.exact import ExactIndex, best
from quartzdb.index.engines.half import widened
from quartzdb.index.engines.long_rows import added, lengths_of, long_rows, parse
from quartzdb.index.engines.port import Built
from quartzdb.index.engines.recall_levels import RECALL_TARGETS, ByRecall
from quartzdb.index.stored_vectors import StoredVectors

if TYPE_CHECKING:
    from annoy import AnnoyIndex

TREES_FILE = "trees.annoy"

TREES = 50
"""More trees than this found nothing that visiting more nodes of fewer trees did not find cheaper."""
ROWS_MIN = 1000
"""Below this a scan is as fast as any index, so none is written."""
# Nanoseconds to visit one row by a tree and to scan one, as measured; only the ratio matters. Trees whose calibrated
# visit costs more than a scan are not worth their file.
VISIT_COST, VISIT_COST_PER_FLOAT = 60.0, 0.28
SCAN_COST, SCAN_COST_PER_FLOAT = 5.0, 0.4
SAMPLE_QUERIES = 96
VISIT_STEP = 1.3
"""Ratio of one considered number of nodes to the next."""
_BLOCK_FLOATS = 1 << 21


class AnnoyEngine:
    """Builds on one thread: trees that several threads build come in a different order each time."""

    name = "annoy"

    def build(self, vectors: Matrix, metric: Metric, directory: Path, *, seed: int, threads: int) -> Built:
        """Write the trees, unless rows are few or too alike for trees to help: then none, and a search is a scan."""
        del threads
        if len(vectors) < ROWS_MIN:
            return Built(files=(), parameters={"trees": 0})
        long, longest = np.empty(0, dtype=np.int64), 0.0
        if metric is Metric.DOT:
            lengths = lengths_of(vectors)
            long = long_rows(lengths)
            longest = float(np.delete(lengths, long).max())
        space = _Space(metric, vectors.shape[1], longest)
        trees = space.new_trees()
        trees.set_seed(seed % (1 << 31) + 1)
        for number, row in enumerate(space.items(vectors)):
            trees.add_item(number, row)
        trees.build(TREES, n_jobs=1)
        efforts = _calibrate(trees, space, vectors, long, seed)
        if efforts is None:
            return Built(files=(), parameters={"trees": 0})
        trees.save(str(directory / TREES_FILE))
        document = {"trees": TREES, "longest": longest, "long": long.tolist(), "plain": efforts.document()}
        return Built(files=(TREES_FILE,), parameters=document)

    def open(
        self,
        files: Mapping[str, Path],
        parameters: Mapping[str, Any],
        vectors: StoredVectors,
        metric: Metric,
    ) -> AnnoyTrees | ExactIndex:
        """Map the trees. Raises Corrupted."""
        scan = ExactIndex(vectors, metric)
        if parameters.get("trees") == 0:
            return scan
        if TREES_FILE not in files:
            raise Corrupted(f"An annoy index is {TREES_FILE}; this segment has {sorted(files)}.")
        try:
            space = _Space(metric, vectors.shape[1], float(parameters["longest"]))
            trees = space.new_trees()
            trees.load(str(files[TREES_FILE]))
        except (KeyError, TypeError, ValueError) as error:
            raise Corrupted("The parameters of an annoy index have no readable length.") from error
        except OSError as error:
            raise Corrupted(f"The index file {TREES_FILE} cannot be read: {error}.") from error
        if trees.get_n_items() != vectors.shape[0]:
            raise Corrupted(f"The trees hold {trees.get_n_items()} rows; the segment has {vectors.shape[0]}.")
        return AnnoyTrees(
            trees,
            space,
            efforts=efforts_by_recall(parameters),
            long=parse(parameters.get("long", []), vectors.shape[0]),
            scan=scan,
            rows=vectors.shape[0],
            file_bytes=files[TREES_FILE].stat().st_size,
        )


class AnnoyTrees:
    """One opened index. Annoy's reads change nothing, so any number of threads may search."""

    def __init__(
        self,
        trees: AnnoyIndex,
        space: _Space,
        *,
        efforts: ByRecall[EffortTable],
        long: Rows,
        scan: ExactIndex,
        rows: int,
        file_bytes: int,
    ) -> None:
        self._trees = trees
        self._space = space
        self._efforts = efforts
        self._long = long
        self._scan = scan
        self._rows = rows
        self._file_bytes = file_bytes

    def candidates(
        self, query: Vector, count: int, allowed: Mask | None = None, recall: float | None = None
    ) -> Rows:
        """Rows in Annoy's own order; with a filter, exactly the best of the allowed ones."""
        efforts = self._efforts.at(count, recall) if allowed is None else None
        if efforts is not None and count <= efforts.count_max:
            visit, depth = efforts.at(count)
            found = self._trees.get_nns_by_vector(self._space.query(query), depth, int(visit))
            if len(found) >= min(count, self._rows):
                rows = np.array(found, dtype=np.int64)
                return added(rows, self._long, None) if self._long.size else rows
        return self._scan.candidates(query, count, allowed)

    @property
    def resident_bytes(self) -> int:
        """The file: mapped, but a busy index has all of it in memory."""
        return self._file_bytes


class _Space:
    """Where Annoy compares. Cosine: lengths are divided out, so that no product of squares overflows.

    Dot: one coordinate more makes every row as long as the longest, and the nearest row is the one of highest product
    (Bachrach et al., "Speeding up the Xbox recommender system using a Euclidean transformation", 2014). Annoy's own
    dot metric found less at every speed as soon as lengths differed.
    """

    def __init__(self, metric: Metric, dimension: int, longest: float) -> None:
        self._metric = metric
        self._dimension = dimension
        self.longest = longest

    @property
    def inner(self) -> bool:
        """Exact comparisons, for calibration, go by product."""
        return self._metric is not Metric.EUCLIDEAN

    def new_trees(self) -> AnnoyIndex:
        """An empty index of the right shape."""
        from annoy import AnnoyIndex

        if self._metric is Metric.DOT:
            return AnnoyIndex(self._dimension + 1, "euclidean")
        return AnnoyIndex(self._dimension, "angular" if self._metric is Metric.COSINE else "euclidean")

    def rows(self, rows: Matrix) -> npt.NDArray[np.float32]:
        """Rows as they are compared, without the extra coordinate."""
        wide = widened(rows)
        if self._metric is Metric.COSINE:
            lengths = np.maximum(norms_of(wide), np.float32(np.finfo(np.float32).tiny))
            unit: npt.NDArray[np.float32] = np.divide(wide, lengths[:, None], dtype=np.float32)
            return unit
        return wide

    def items(self, vectors: Matrix) -> Iterator[list[float]]:
        """Rows as Annoy stores them."""
        step = max(1, _BLOCK_FLOATS // self._dimension)
        for start in range(0, len(vectors), step):
            rows = self.rows(vectors[start : start + step])
            if self._metric is Metric.DOT:
                missing = np.maximum(self.longest**2 - norms_of(rows).astype(np.float64) ** 2, 0.0)
                rows = np.hstack([rows, np.sqrt(missing).astype(np.float32)[:, None]])
            yield from rows.tolist()

    def query(self, query: Vector) -> list[float]:
        """A query as Annoy takes it."""
        if self._metric is Metric.EUCLIDEAN:
            plain: list[float] = query.tolist()
            return plain
        # A query's length changes no ranking by product. It is made that of the rows, or their distances to it, which
        # all have the same part from the longer of the two, would lose what tells them apart.
        wide = query.astype(np.float64)
        length = self.longest if self._metric is Metric.DOT else 1.0
        numbers: list[float] = (wide * (length / max(math.sqrt(float(wide @ wide)), 1e-300))).tolist()
        return [*numbers, 0.0] if self._metric is Metric.DOT else numbers


def _calibrate(
    trees: AnnoyIndex, space: _Space, vectors: Matrix, long: Rows, seed: int
) -> EffortTable | None:
    """The fewest nodes that reach the target recall for each count on sample queries; None where a scan is cheaper."""
    rows = len(vectors)
    counts = counts_for(rows)
    visits = [counts[0] * 10]
    dimension = vectors.shape[1]
    visit_ns, scan_ns = (
        VISIT_COST + VISIT_COST_PER_FLOAT * dimension,
        SCAN_COST + SCAN_COST_PER_FLOAT * dimension,
    )
    while visits[-1] * VISIT_STEP * visit_ns < rows * scan_ns:
        visits.append(math.ceil(visits[-1] * VISIT_STEP))
    # A few more than asked for: half-precision rows and rounding may swap neighbours at the edge.
    depths = [count + count // 10 + 10 for count in counts]
    found = np.zeros((len(visits), len(counts)))
    wanted = np.zeros(len(counts))
    generator = np.random.default_rng(seed)
    for asked in sample_queries(vectors, space, held_out(rows, generator, SAMPLE_QUERIES), generator):
        asked.scores[long] = -np.inf
        query = space.query(asked.query)
        least = least_of_best(asked.scores, counts, asked.scores[best(asked.scores, max(counts))])
        wanted += np.minimum(counts, np.count_nonzero(asked.scores > -np.inf))
        for number, visit in enumerate(visits):
            # Asked for as many results as nodes, Annoy returns all that it visited, best first.
            scores = asked.scores[trees.get_nns_by_vector(query, visit, visit)]
            found[number] += [
                min(count, int(np.count_nonzero(scores[:depth] >= least[count])))
                for count, depth in zip(counts, depths, strict=True)
            ]
    efforts = []
    for place, (count, depth) in enumerate(zip(counts, depths, strict=True)):
        enough = np.flatnonzero(found[:, place] >= RECALL_TARGETS[count] * wanted[place])
        if enough.size:
            efforts.append(Effort(count, visits[int(enough[0])], depth))
    return EffortTable(tuple(efforts)) if efforts and efforts[0].count == counts[0] else None
