"""The Annoy engine: random-projection trees in one mapped file, by Spotify's library (github.com/spotify/annoy).

It imports in a millisecond and needs no training. Trees hold rows in few coordinates, and what they find is rescored.
How many nodes are visited and how many rows are rescored is calibrated. It cannot filter: with a filter, the allowed
rows are scanned. Where visiting would cost as much as a scan, no trees are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Mask, Matrix, Rows, Vector
from quartzdb.storage.index.engines.annoy_calibration import calibrate
from quartzdb.storage.index.engines.annoy_projection import Projection, fitted
from quartzdb.storage.index.engines.annoy_space import AnnoySpace
from quartzdb.storage.index.engines.exact import ExactIndex
from quartzdb.storage.index.engines.long_rows import added, lengths_of, long_rows, parse
from quartzdb.storage.index.engines.port import BuiltIndex, one_by_one
from quartzdb.storage.index.engines.recall_levels import ByRecall
from quartzdb.storage.index.engines.recall_levels import document as levels_document
from quartzdb.storage.index.engines.search_parameters import (
    PLAIN_LEVELS,
    SearchParameterTable,
    parameters_by_recall,
)
from quartzdb.storage.index.segments.stored_vectors import StoredVectors

if TYPE_CHECKING:
    from annoy import AnnoyIndex

TREES_FILE = "trees.annoy"
PROJECTION_FILE = "projection.npy"

TREES = 25
"""Twice as many take 320 bytes a row more, and find .956 of ten where these find .948 (100k × 384, 8,000 nodes)."""
ROWS_MIN = 1000
"""Below this a scan is as fast as any index, so none is written."""


class AnnoyEngine:
    """Builds on one thread: trees that several threads build come in a different order each time."""

    name = "annoy"

    def build(
        self, vectors: Matrix, metric: Metric, directory: Path, *, seed: int, threads: int
    ) -> BuiltIndex:
        """Write the trees, unless rows are few or too alike for trees to help: then none, and a search is a scan."""
        del threads
        if len(vectors) < ROWS_MIN:
            return BuiltIndex(files=(), parameters={"trees": 0})
        long, longest = np.empty(0, dtype=np.int64), 0.0
        if metric is Metric.DOT:
            lengths = lengths_of(vectors)
            long = long_rows(lengths)
            longest = float(np.delete(lengths, long).max())
        generator = np.random.default_rng(seed)
        space = AnnoySpace(metric, vectors.shape[1], longest)
        space = replace(space, projection=fitted(vectors, space, long, generator))
        trees = space.new_trees()
        trees.set_seed(seed % (1 << 31) + 1)
        for number, row in enumerate(space.items(vectors)):
            trees.add_item(number, row)
        trees.build(TREES, n_jobs=1)
        calibrated = calibrate(trees, space, vectors, long, generator)
        if calibrated is None:
            return BuiltIndex(files=(), parameters={"trees": 0})
        search_parameters, levels = calibrated
        trees.save(str(directory / TREES_FILE))
        document = {
            "trees": TREES,
            "longest": longest,
            "long": long.tolist(),
            "plain": search_parameters.document(),
            PLAIN_LEVELS: levels_document(levels),
        }
        if space.projection is None:
            return BuiltIndex(files=(TREES_FILE,), parameters=document)
        space.projection.save(directory / PROJECTION_FILE)
        document["directions"] = space.projection.width
        return BuiltIndex(files=(TREES_FILE, PROJECTION_FILE), parameters=document)

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
        directions = parameters.get("directions")
        wanted = {TREES_FILE} if directions is None else {TREES_FILE, PROJECTION_FILE}
        if not wanted <= files.keys():
            raise Corrupted(f"An annoy index is {sorted(wanted)}; this segment has {sorted(files)}.")
        dimension = vectors.shape[1]
        projection = (
            None if directions is None else Projection.load(files[PROJECTION_FILE], dimension, directions)
        )
        try:
            space = AnnoySpace(metric, dimension, float(parameters["longest"]), projection)
            space.check(files[TREES_FILE], rows=vectors.shape[0], trees=int(parameters["trees"]))
            trees = space.new_trees()
            trees.load(str(files[TREES_FILE]))
        except (KeyError, TypeError, ValueError) as error:
            raise Corrupted(
                "The parameters of an annoy index have no readable length, or number of trees."
            ) from error
        except OSError as error:
            raise Corrupted(f"The index file {TREES_FILE} cannot be read: {error}.") from error
        return AnnoyTrees(
            trees,
            space,
            search_parameters=parameters_by_recall(parameters),
            long=parse(parameters.get("long", []), vectors.shape[0]),
            scan=scan,
            rows=vectors.shape[0],
            file_bytes=sum(files[name].stat().st_size for name in wanted),
        )


class AnnoyTrees:
    """One opened index. Annoy's reads change nothing, so any number of threads may search."""

    def __init__(
        self,
        trees: AnnoyIndex,
        space: AnnoySpace,
        *,
        search_parameters: ByRecall[SearchParameterTable],
        long: Rows,
        scan: ExactIndex,
        rows: int,
        file_bytes: int,
    ) -> None:
        self._trees = trees
        self._space = space
        self._parameters = search_parameters
        self._long = long
        self._scan = scan
        self._rows = rows
        self._file_bytes = file_bytes

    def candidates(
        self, query: Vector, count: int, allowed: Mask | None = None, recall: float | None = None
    ) -> Rows:
        """Rows to rescore, ascending; with a filter, exactly the best of the allowed ones."""
        search_parameters = self._parameters.at(count, recall) if allowed is None else None
        if search_parameters is not None and count <= search_parameters.count_max:
            visit, depth = search_parameters.at(count)
            found = self._trees.get_nns_by_vector(self._space.query(query), depth, int(visit))
            if len(found) >= min(count, self._rows):
                rows = np.array(found, dtype=np.int64)
                if self._long.size:
                    return added(rows, self._long, None)
                rows.sort()
                return rows
        return self._scan.candidates(query, count, allowed)

    def candidates_of_each(self, queries: Matrix, count: int, recall: float | None = None) -> Sequence[Rows]:
        """One after the other: trees are walked for one query at a time."""
        return one_by_one(self, queries, count, recall)

    def best(
        self, query: Vector, count: int, recall: float | None = None, allowed: Mask | None = None
    ) -> None:
        """It only proposes."""

    def exactly(
        self, query: Vector, count: int, rows: Rows | None = None, allowed: Mask | None = None
    ) -> None:
        """It knows of no shorter way."""

    @property
    def resident_bytes(self) -> int:
        """The files: mapped, but a busy index has all of them in memory."""
        return self._file_bytes
