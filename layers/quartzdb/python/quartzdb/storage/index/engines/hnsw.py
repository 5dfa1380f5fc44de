"""The HNSW engine: a graph over bytes for searches of all rows, and ivf's codes beside it for what a graph is bad at.

It answers faster than ivf for ten times the memory. A graph leads to the rows nearest to a query; what a filter allows
may be elsewhere, and thousands of results are most of a region. There, the codes take over.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.deadline import require_time
from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Mask, Matrix, Rows, Vector, norms_of
from quartzdb.storage.index.engines.calibration import held_out
from quartzdb.storage.index.engines.codes import openmp_threads
from quartzdb.storage.index.engines.exact import ExactIndex
from quartzdb.storage.index.engines.graph import Graph, coded
from quartzdb.storage.index.engines.graph_builder import GraphBuilder
from quartzdb.storage.index.engines.graph_layout import read_graph
from quartzdb.storage.index.engines.graph_space import GraphSpace
from quartzdb.storage.index.engines.hnsw_calibration import SAMPLE_QUERIES, calibrate
from quartzdb.storage.index.engines.ivf import FILES, IvfEngine, check_unopened
from quartzdb.storage.index.engines.kernel_graph import KernelGraph
from quartzdb.storage.index.engines.kernel_library import Kernel, kernel
from quartzdb.storage.index.engines.long_rows import added, long_rows, parse
from quartzdb.storage.index.engines.port import Best, BuiltIndex, Index, one_by_one
from quartzdb.storage.index.engines.recall_levels import ByRecall
from quartzdb.storage.index.engines.recall_levels import document as levels_document
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.engines.row_order import renumbered
from quartzdb.storage.index.engines.search_parameters import (
    PLAIN_LEVELS,
    SearchParameterTable,
    parameters_by_recall,
)
from quartzdb.storage.index.segments.stored_vectors import StoredVectors

GRAPH_FILE = "graph.rows"
FAISS_GRAPH_FILE = "graph.faiss"
"""What graphs were written to before they had a file of their own. Still read, by faiss."""
SPACE_FILE = "space.npy"

ROWS_MIN = 1000
"""Below this a scan is as fast as any index, so none is written."""
SAMPLE_ROWS = 16_384
"""Rows that tell where coordinates lie."""
LOOSE_SHARE_MIN = 0.2
"""From this share of allowed rows on, the nearest of all rows may well hold enough of them, and are tried first."""
SPARE_SHARE = 0.3
SPARE_ROWS = 8
"""How many more of the nearest rows are looked at than hold the results on average."""
_BLOCK_FLOATS = 1 << 22


class HnswEngine:
    """Links, encodes and calibrates; opens memory-mapped."""

    name = "hnsw"

    def __init__(self, find_kernel: Callable[[], Kernel | None] = kernel) -> None:
        self._find_kernel = find_kernel

    def build(
        self, vectors: Matrix, metric: Metric, directory: Path, *, seed: int, threads: int
    ) -> BuiltIndex:
        """Write graph and codes, unless rows are few or a scan is as good: then neither, and a search is a scan."""
        if len(vectors) < ROWS_MIN:
            return BuiltIndex(files=(), parameters={"linked": False})
        generator = np.random.default_rng(seed)
        chosen = generator.choice(len(vectors), size=min(SAMPLE_ROWS, len(vectors)), replace=False)
        sample = vectors[np.sort(chosen)]
        rotation = Rotation.fit(sample, metric, generator)
        space, long = _fitted(rotation, vectors)
        own = held_out(len(vectors), generator, SAMPLE_QUERIES)
        others = np.delete(np.arange(len(vectors)), own)
        with openmp_threads(threads):
            builder = GraphBuilder(space, sample)
            for rows in _blocks(others, vectors.shape[1]):
                builder.add(vectors[rows])
            with self._tried(builder, rotation, len(others), directory) as graph:
                calibrated = calibrate(graph, rotation, vectors, others, own, long, generator)
            if calibrated is None:
                return BuiltIndex(files=(), parameters={"linked": False})
            search_parameters, levels = calibrated
            builder.add(vectors[own])
        codes = IvfEngine().build(vectors, metric, directory, seed=seed, threads=threads)
        # The graph takes over the order of the codes, which is as good for it: links mostly lead to near rows.
        places = np.argsort(np.concatenate([others, own]))
        builder.reorder(places if codes.order is None else places[codes.order])
        builder.write(directory / GRAPH_FILE)
        rotation.save(directory / SPACE_FILE)
        document = {
            "linked": True,
            **rotation.parameters,
            "long": (long if codes.order is None else renumbered(long, codes.order)).tolist(),
            "plain": search_parameters.document(),
            PLAIN_LEVELS: levels_document(levels),
            "codes": codes.parameters,
        }
        return BuiltIndex((GRAPH_FILE, SPACE_FILE, *codes.files), document, codes.order)

    def open(
        self,
        files: Mapping[str, Path],
        parameters: Mapping[str, Any],
        vectors: StoredVectors,
        metric: Metric,
    ) -> HnswIndex | ExactIndex:
        """Map graph and codes into memory. Raises Corrupted."""
        if parameters.get("linked") is False:
            return ExactIndex(vectors, metric)
        name = FAISS_GRAPH_FILE if FAISS_GRAPH_FILE in files else GRAPH_FILE
        if not {name, SPACE_FILE} <= files.keys():
            raise Corrupted(f"A graph is {GRAPH_FILE} and {SPACE_FILE}; this segment has {sorted(files)}.")
        rows, dimension = vectors.shape
        rotation = Rotation.load(files[SPACE_FILE], parameters, dimension, metric)
        long = parse(parameters.get("long", []), rows)
        graph: Graph | KernelGraph
        if name == FAISS_GRAPH_FILE:
            graph = Graph.mapped(files[name], rotation, rows=rows, width=dimension)
        else:
            file = read_graph(files[name], rows=rows, padded=rotation.padded, inner=rotation.inner)
            using = self._find_kernel()
            graph = (
                Graph.of(file, rotation)
                if using is None
                else KernelGraph(using, file, rotation, (vectors, metric), long)
            )
        codes = parameters.get("codes")
        if not isinstance(codes, Mapping):
            raise Corrupted("The parameters of a graph have none for the codes beside it.")
        # What is fetched is fetched now, together with the rest.
        beside = {name: files[name] for name in FILES if name in files}
        check_unopened(beside, codes, rows)
        return HnswIndex(
            graph,
            plain=parameters_by_recall(parameters),
            long=long,
            codes=lambda: IvfEngine().open(beside, codes, vectors, metric),
            codes_bytes=sum(path.stat().st_size for path in beside.values()),
            file_bytes=sum(files[name].stat().st_size for name in (name, SPACE_FILE)),
        )

    @contextmanager
    def _tried(
        self, builder: GraphBuilder, rotation: Rotation, rows: int, directory: Path
    ) -> Iterator[Graph | KernelGraph]:
        """The graph as it is so far, for queries that are placed already."""
        using = self._find_kernel()
        if using is None:
            yield Graph(builder.index, partial(coded, rotation.of_placed))
            return
        path = directory / "graph.tried"
        builder.write(path)
        try:
            file = read_graph(path, rows=rows, padded=rotation.padded, inner=rotation.inner)
            yield KernelGraph(using, file, rotation.of_placed)
        finally:
            path.unlink()


_OPENING_SECONDS = 0.05
"""What opening codes may take, with the import of their library; it cannot be broken off."""


class HnswIndex:
    """One opened index. Searching changes nothing in it, so any number of threads may.

    `codes` opens those beside the graph, which filters need and few other searches: most of what a fresh process takes
    to its first answer is the import of the library that searches them.
    """

    def __init__(
        self,
        graph: Graph | KernelGraph,
        *,
        plain: ByRecall[SearchParameterTable],
        long: Rows,
        codes: Callable[[], Index],
        codes_bytes: int,
        file_bytes: int,
    ) -> None:
        self._graph = graph
        self._plain = plain
        self._long = long
        self._open_codes = codes
        self._codes_bytes = codes_bytes
        self._opened: Index | None = None
        self._opening = threading.Lock()
        self._file_bytes = file_bytes

    def candidates(
        self, query: Vector, count: int, allowed: Mask | None = None, recall: float | None = None
    ) -> Rows:
        """Rows to rescore, ascending, so that reads from a mapped file go forward."""
        if allowed is None:
            found = self._nearest(query, count, recall)
            if found is not None and found.size >= min(count, self._graph.rows):
                return self._with_long(found, None)
            return self._codes.candidates(query, count, None, recall)
        found = self._loosely(query, count, recall, allowed)
        return self._codes.candidates(query, count, allowed, recall) if found is None else found

    def candidates_of_each(self, queries: Matrix, count: int, recall: float | None = None) -> Sequence[Rows]:
        """One after the other: each finds its own way through the graph, so that together they share nothing."""
        return one_by_one(self, queries, count, recall)

    def best(self, query: Vector, count: int, recall: float | None = None) -> Best | None:
        """In one call of the kernel, where rows are in memory."""
        if not (isinstance(self._graph, KernelGraph) and self._graph.scores):
            return None
        effort = self._effort(count, recall)
        found = None if effort is None else self._graph.best(query, count, *effort)
        return None if found is None or found.rows.size < min(count, self._graph.rows) else found

    @property
    def resident_bytes(self) -> int:
        """The files, which a busy index has in memory though they are mapped, and what the codes take."""
        of_codes = self._codes_bytes if self._opened is None else self._opened.resident_bytes
        return self._file_bytes + of_codes

    @property
    def _codes(self) -> Index:
        """Opened when they are first needed. Raises Corrupted."""
        if self._opened is None:
            require_time(_OPENING_SECONDS)
            with self._opening:
                if self._opened is None:
                    self._opened = self._open_codes()
        return self._opened

    def _nearest(self, query: Vector, count: int, recall: float | None) -> Rows | None:
        """Rows by their bytes, nearest first, as many as rescoring needs for `count`; None beyond calibration."""
        effort = self._effort(count, recall)
        return None if effort is None else self._graph.search(query, *effort)

    def _effort(self, count: int, recall: float | None) -> tuple[int, int] | None:
        """How many rows to rescore, and ef; None beyond calibration."""
        search_parameters = self._plain.at(count, recall)
        if search_parameters is None or count > search_parameters.count_max:
            return None
        parameter, depth = search_parameters.at(count)
        return min(depth, self._graph.rows), math.ceil(parameter)

    def _loosely(self, query: Vector, count: int, recall: float | None, allowed: Mask) -> Rows | None:
        """What is allowed of the nearest rows; None where those are not enough, or not worth a try.

        This is no filtering afterwards that could lose results: where the nearest n rows of all hold `count` allowed
        ones, those are the nearest `count` of the allowed, and n are found with the recall that was calibrated for n.
        """
        share = np.count_nonzero(allowed) / self._graph.rows
        if share < LOOSE_SHARE_MIN:
            return None
        looked_at = math.ceil(count / share * (1 + SPARE_SHARE)) + SPARE_ROWS
        found = self._nearest(query, looked_at, recall)
        if found is None or np.count_nonzero(allowed[found[:looked_at]]) < count:
            return None
        return self._with_long(found[allowed[found]], allowed)

    def _with_long(self, found: Rows, allowed: Mask | None) -> Rows:
        if self._long.size:
            return added(found, self._long, allowed)
        found.sort()
        return found


def _fitted(rotation: Rotation, vectors: Matrix) -> tuple[GraphSpace, Rows]:
    """The space that all rows but the long ones fit into, and the long ones. Directions have no length."""
    if rotation.unit:
        return GraphSpace(rotation, 1.0), np.empty(0, dtype=np.int64)
    every = _blocks(np.arange(len(vectors)), vectors.shape[1])
    lengths = np.concatenate([norms_of(rotation.rows(vectors[rows])) for rows in every])
    long = long_rows(lengths)
    return GraphSpace(rotation, float(np.delete(lengths, long).max())), long


def _blocks(rows: Rows, dimension: int) -> Iterator[Rows]:
    step = max(1, _BLOCK_FLOATS // dimension)
    for start in range(0, rows.size, step):
        yield rows[start : start + step]
