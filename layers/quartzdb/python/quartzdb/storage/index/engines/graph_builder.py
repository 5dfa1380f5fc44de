"""Links the rows of a graph, by faiss (HNSW: Malkov and Yashunin, arXiv:1603.09320), and writes the file of it.

Rows are turned first: no coordinate carries more than its share then, so that one step of a byte serves all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Matrix, Rows
from quartzdb.storage.index.engines.faiss_library import faiss_module
from quartzdb.storage.index.engines.graph_layout import CODE_MAX, UPPER_LINKS, Linked, write_graph
from quartzdb.storage.index.engines.graph_space import GraphSpace

EF_CONSTRUCTION = 200
"""How many rows a build looks at to link one."""


class GraphBuilder:
    """Rows and their links, in memory."""

    def __init__(self, space: GraphSpace, sample: Matrix) -> None:
        """No rows yet; coordinates range as in the sample (m, d)."""
        faiss = faiss_module()
        self._space = space
        rotation = space.rotation
        self._inner = rotation.inner
        turned = rotation.turned(space.rows(sample))
        most = float(np.abs(turned).max())
        self._step = np.float32(most / CODE_MAX) if most > 0 else np.float32(1.0)
        self._index = coded_index(rotation.padded, self._step, inner=rotation.inner)
        self._index.hnsw.efConstruction = EF_CONSTRUCTION
        self._faiss = faiss

    def add(self, rows: Matrix) -> None:
        """Link the next rows (m, d). The same rows give the same links, on any number of threads."""
        self._index.add(self._space.rotation.turned(self._space.rows(rows)))

    @property
    def index(self) -> Any:
        """faiss's own."""
        return self._index

    def reorder(self, places: Rows) -> None:
        """Let the row that was added as number `places[i]` be row i."""
        self._index.permute_entries(np.ascontiguousarray(places, dtype=np.int64))

    def write(self, path: Path) -> None:
        """Write the file of all rows so far."""
        hnsw, codes = self._index.hnsw, self._faiss.downcast_index(self._index.storage).codes
        count = int(self._index.ntotal)
        linked = Linked(
            self._inner,
            float(self._step),
            int(hnsw.entry_point),
            _seen(self._faiss, codes).reshape(count, -1),
            _seen(self._faiss, hnsw.levels),
            _seen(self._faiss, hnsw.offsets)[:-1],
            _seen(self._faiss, hnsw.neighbors),
        )
        write_graph(path, linked)


def coded_index(padded: int, step: np.float32, *, inner: bool) -> Any:
    """An empty graph of faiss whose bytes are our codes + 128: byte b stands for (b - 128) · step."""
    faiss = faiss_module()
    metric = faiss.METRIC_INNER_PRODUCT if inner else faiss.METRIC_L2
    index = faiss.IndexHNSWSQ(padded, faiss.ScalarQuantizer.QT_8bit, UPPER_LINKS, metric)
    storage = faiss.downcast_index(index.storage)
    # faiss reads a byte as first + (b + ½) / 255 · range.
    ranges = np.repeat(np.array([-128.5, 255.0], dtype=np.float32) * step, padded)
    faiss.copy_array_to_vector(ranges, storage.sq.trained)
    storage.is_trained = index.is_trained = True
    return index


def _seen(faiss: Any, vector: Any) -> npt.NDArray[Any]:
    """An array of faiss where it lies: a copy of a million rows' would be a gigabyte."""
    size = vector.size()
    seen: npt.NDArray[Any] = (
        faiss.rev_swig_ptr(vector.data(), size) if size else faiss.vector_to_array(vector)
    )
    return seen
