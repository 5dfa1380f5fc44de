"""The HNSW engine: a graph over bytes for searches of all rows, and ivf's codes beside it for what a graph is bad at.

It answers faster than ivf for ten times the memory. A graph leads to the rows nearest to a query; what a filter allows
may be elsewhere, and thousands of results are most of a region. There, the codes take over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Matrix, Rows, norms_of
from quartzdb.storage.index.engines import code_bounds
from quartzdb.storage.index.engines.calibration import held_out, versions_of
from quartzdb.storage.index.engines.exact import ExactIndex
from quartzdb.storage.index.engines.faiss_library import openmp_threads
from quartzdb.storage.index.engines.graph import Graph, coded
from quartzdb.storage.index.engines.graph_builder import GraphBuilder
from quartzdb.storage.index.engines.graph_layout import read_graph
from quartzdb.storage.index.engines.graph_space import GraphSpace
from quartzdb.storage.index.engines.hnsw_calibration import SAMPLE_QUERIES, calibrate
from quartzdb.storage.index.engines.hnsw_index import HnswIndex
from quartzdb.storage.index.engines.ivf import FILES, IvfEngine, check_unopened
from quartzdb.storage.index.engines.kernel_graph import KernelGraph
from quartzdb.storage.index.engines.kernel_library import Kernel, kernel
from quartzdb.storage.index.engines.long_rows import long_rows, parse
from quartzdb.storage.index.engines.port import BuiltIndex
from quartzdb.storage.index.engines.recall_levels import document as levels_document
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.engines.row_order import renumbered
from quartzdb.storage.index.engines.search_parameters import PLAIN_LEVELS, parameters_by_recall
from quartzdb.storage.index.segments.stored_vectors import StoredVectors

GRAPH_FILE = "graph.rows"
FAISS_GRAPH_FILE = "graph.faiss"
"""What graphs were written to before they had a file of their own. Still read, by faiss."""
SPACE_FILE = "space.npy"

ROWS_MIN = 1000
"""Below this a scan is as fast as any index, so none is written."""
SAMPLE_ROWS = 16_384
"""Rows that tell where coordinates lie."""
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
        kept_back = np.concatenate([own, versions_of(vectors, rotation, own)])
        others = np.delete(np.arange(len(vectors)), kept_back)
        with openmp_threads(threads):
            builder = GraphBuilder(space, sample)
            for rows in _blocks(others, vectors.shape[1]):
                builder.add(vectors[rows])
            with self._tried(builder, rotation, len(others), directory) as graph:
                calibrated = calibrate(graph, rotation, vectors, others, own, long, generator)
            if calibrated is None:
                return BuiltIndex(files=(), parameters={"linked": False})
            search_parameters, levels = calibrated
            builder.add(vectors[kept_back])
        codes = IvfEngine(self._find_kernel).build(vectors, metric, directory, seed=seed, threads=threads)
        # The graph takes over the order of the codes, which is as good for it: links mostly lead to near rows.
        places = np.argsort(np.concatenate([others, kept_back]))
        builder.reorder(places if codes.order is None else places[codes.order])
        builder.write(directory / GRAPH_FILE)
        rotation.save(directory / SPACE_FILE)
        if codes.order is not None:
            long = renumbered(long, codes.order)
        document = {
            "linked": True,
            **rotation.parameters,
            "long": long.tolist(),
            code_bounds.NAME: _bounds(directory, rotation, vectors, codes.order, long).document(),
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
                else KernelGraph(
                    using, file, rotation, (vectors, metric), long, code_bounds.bounds_of(parameters)
                )
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
            codes=lambda: IvfEngine(self._find_kernel).open(beside, codes, vectors, metric),
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


def _fitted(rotation: Rotation, vectors: Matrix) -> tuple[GraphSpace, Rows]:
    """The space that all rows but the long ones fit into, and the long ones. Directions have no length."""
    if rotation.unit:
        return GraphSpace(rotation, 1.0), np.empty(0, dtype=np.int64)
    every = _blocks(np.arange(len(vectors)), vectors.shape[1])
    lengths = np.concatenate([norms_of(rotation.rows(vectors[rows])) for rows in every])
    long = long_rows(lengths)
    return GraphSpace(rotation, float(np.delete(lengths, long).max())), long


def _bounds(
    directory: Path, rotation: Rotation, vectors: Matrix, order: Rows | None, long: Rows
) -> code_bounds.CodeBounds:
    """How far the codes of the file are off, in which row i is row `order[i]` of the vectors; long rows left out."""
    file = read_graph(directory / GRAPH_FILE, rows=len(vectors), padded=rotation.padded, inner=rotation.inner)
    places = np.delete(np.arange(len(vectors)), long)
    blocks = (
        (rows, vectors[rows if order is None else order[rows]]) for rows in _blocks(places, vectors.shape[1])
    )
    return code_bounds.measured(file, rotation, blocks)


def _blocks(rows: Rows, dimension: int) -> Iterator[Rows]:
    step = max(1, _BLOCK_FLOATS // dimension)
    for start in range(0, rows.size, step):
        yield rows[start : start + step]
