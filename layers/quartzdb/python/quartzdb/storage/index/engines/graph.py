"""A graph over rows of a byte per coordinate (HNSW: Malkov and Yashunin, arXiv:1603.09320), by faiss, which is
imported on the first call and untyped, as in `codes`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Floats, Rows
from quartzdb.storage.index.engines.faiss_library import faiss_module, mapped_index
from quartzdb.storage.index.engines.graph_file import check_graph

Float32Matrix = npt.NDArray[np.float32]

LINKS = 16
"""Links per row on the upper levels; on the lowest, which has all rows, twice as many: 128 bytes a row."""
EF_CONSTRUCTION = 128
"""How many rows a build looks at to link one."""


class Graph:
    """Rows and their links. Searching changes nothing in it, and faiss releases the interpreter lock meanwhile."""

    def __init__(self, index: Any) -> None:
        self._index = index
        self._faiss = faiss_module()
        # One for each ef there is, at most some thousands; making one takes as long as visiting ten rows.
        self._asked: dict[int, Any] = {}

    @classmethod
    def empty(cls, sample: Float32Matrix, *, inner: bool) -> Graph:
        """No rows yet, to be compared by product where `inner`; coordinates range as in the sample (m, width)."""
        faiss = faiss_module()
        metric = faiss.METRIC_INNER_PRODUCT if inner else faiss.METRIC_L2
        index = faiss.IndexHNSWSQ(sample.shape[1], faiss.ScalarQuantizer.QT_8bit, LINKS, metric)
        index.hnsw.efConstruction = EF_CONSTRUCTION
        index.train(sample)
        return cls(index)

    def add(self, rows: Float32Matrix) -> None:
        """Link the next rows (m, width). The same rows give the same links, on any number of threads."""
        self._index.add(rows)

    def reorder(self, places: Rows) -> None:
        """Let the row that was added as number `places[i]` be row i."""
        self._index.permute_entries(np.ascontiguousarray(places, dtype=np.int64))

    def write(self, path: Path) -> None:
        """Write to a file; the same graph gives the same bytes."""
        self._faiss.write_index(self._index, str(path))

    @classmethod
    def read(cls, path: Path, *, rows: int, width: int, inner: bool) -> Graph:
        """Map a file of so many rows: links are read at once, rows as searches touch them. Raises Corrupted."""
        check_graph(path, rows=rows, width=width, inner=inner, links=LINKS)
        return cls(mapped_index(path, "IndexHNSWSQ", "a graph"))

    @property
    def rows(self) -> int:
        """How many rows are linked."""
        return int(self._index.ntotal)

    @property
    def width(self) -> int:
        """Coordinates of a row."""
        return int(self._index.d)

    def search(self, query: Floats, depth: int, parameter: int) -> Rows:
        """The `depth` rows that by their bytes are the best for a query (width,), best first.

        `parameter` (efSearch) is how many of the best rows seen so far are kept to go on from. Fewer come back where
        the graph has parts that no link leads to.
        """
        distances = np.empty(depth, dtype=np.float32)
        found = np.empty(depth, dtype=np.int64)
        pointer = self._faiss.swig_ptr
        asked = self._asking(max(parameter, depth))
        self._index.search_c(1, pointer(query), depth, pointer(distances), pointer(found), asked)
        # What was not found is marked, and comes last.
        return found if found[-1] >= 0 else found[found >= 0]

    def _asking(self, parameter: int) -> Any:
        """Parameters of faiss, which searches only read. Those of the index would be shared by all searches."""
        asked = self._asked.get(parameter)
        if asked is None:
            asked = self._asked[parameter] = self._faiss.SearchParametersHNSW(efSearch=parameter)
        return asked
