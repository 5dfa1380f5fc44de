"""A graph searched by faiss: one of before graphs had a file of their own, and such a file where there is no kernel.

faiss is imported on the first call and untyped, as in `codes`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.vector import Rows, Vector
from quartzdb.storage.index.engines.faiss_library import faiss_module, mapped_index
from quartzdb.storage.index.engines.file_fields import damaged
from quartzdb.storage.index.engines.graph_builder import coded_index
from quartzdb.storage.index.engines.graph_file import check_graph
from quartzdb.storage.index.engines.graph_layout import CODE_MAX, LINKS, NONE, UPPER_LINKS, GraphFile
from quartzdb.storage.index.engines.rotation import Rotation

_TINY = float(np.finfo(np.float32).tiny)


class Graph:
    """Rows and their links. Searching changes nothing in it, and faiss releases the interpreter lock meanwhile."""

    def __init__(self, index: Any, place: Callable[[Vector], Vector | None]) -> None:
        """`place` gives a query (d,) its place among the rows, (width,)."""
        self._index = index
        self._place = place
        self._faiss = faiss_module()
        # One for each ef there is, at most some thousands; making one takes as long as visiting ten rows.
        self._asked: dict[int, Any] = {}

    @classmethod
    def mapped(cls, path: Path, rotation: Rotation, *, rows: int, width: int) -> Graph:
        """Map a file of faiss: links are read at once, rows as searches touch them. Raises Corrupted."""
        check_graph(path, rows=rows, width=width, inner=rotation.inner, links=UPPER_LINKS)
        return cls(mapped_index(path, "IndexHNSWSQ", "a graph"), rotation.query)

    @classmethod
    def of(cls, file: GraphFile, rotation: Rotation) -> Graph:
        """A copy of a graph's file in memory, every link checked. Raises Corrupted."""
        index = coded_index(file.padded, np.float32(file.step), inner=file.inner)
        _fill(index, file)
        return cls(index, partial(coded, rotation))

    @property
    def rows(self) -> int:
        """How many rows are linked."""
        return int(self._index.ntotal)

    def search(self, query: Vector, depth: int, parameter: int) -> Rows | None:
        """The `depth` rows that by their bytes are the best for a query (d,), best first; None where it is too far out.

        `parameter` (efSearch) is how many of the best rows seen so far are kept to go on from. Fewer come back where
        the graph has parts that no link leads to.
        """
        placed = self._place(query)
        if placed is None:
            return None
        distances = np.empty(depth, dtype=np.float32)
        found = np.empty(depth, dtype=np.int64)
        pointer = self._faiss.swig_ptr
        asked = self._asking(max(parameter, depth))
        self._index.search_c(1, pointer(placed), depth, pointer(distances), pointer(found), asked)
        # What was not found is marked, and comes last.
        return found if found[-1] >= 0 else found[found >= 0]

    def _asking(self, parameter: int) -> Any:
        """Parameters of faiss, which searches only read. Those of the index would be shared by all searches."""
        asked = self._asked.get(parameter)
        if asked is None:
            asked = self._asked[parameter] = self._faiss.SearchParametersHNSW(efSearch=parameter)
        return asked


def coded(rotation: Rotation, query: Vector) -> Vector | None:
    """The query as the kernel sees it: turned, in 127 steps up and down. So both find the same rows."""
    placed = rotation.query(query)
    if placed is None:
        return None
    turned: Vector = rotation.turned(placed[None, :])[0]
    most = float(np.abs(turned).max())
    if not _TINY < most < np.inf:
        return np.zeros_like(turned)
    coded: Vector = np.rint(turned * (np.float32(CODE_MAX) / np.float32(most))) * np.float32(most / CODE_MAX)
    return coded


def _fill(index: Any, file: GraphFile) -> None:
    """Give an empty graph of faiss the rows and links of a file. HAZARD: faiss believes every number of them."""
    faiss = faiss_module()
    rows = len(file.rows)
    starts = np.append(file.upper_starts, file.upper_links.size).astype(np.int64)
    sizes = starts[1:] - starts[:-1]
    heights = sizes // UPPER_LINKS
    _require(
        (sizes % UPPER_LINKS == 0).all() and (heights > 0).all(), "links do not begin where those before end"
    )
    _require(heights.max(initial=0) == file.levels, "its levels are not those of its rows")
    nodes = file.upper_rows.astype(np.int64)
    _require(
        (np.diff(nodes) > 0).all() and nodes.max(initial=0) < rows,
        "its upper levels have rows that are not there",
    )
    lowest = _checked(file.links, rows)
    upper = _checked(file.upper_links, len(nodes)).astype(np.int64)
    levels = np.ones(rows, dtype=np.int32)
    levels[nodes] += heights.astype(np.int32)
    within = np.arange(upper.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    linked = upper >= 0
    _require((heights[upper[linked]] > within[linked] // UPPER_LINKS).all(), "a link leads below its level")
    if file.levels:
        _require(heights[file.entry] == file.levels, "searches do not begin on the highest level")
    counts = LINKS + (levels.astype(np.int64) - 1) * UPPER_LINKS
    offsets = np.concatenate([[0], np.cumsum(counts)])
    links = np.empty(int(offsets[-1]), dtype=np.int32)
    links[(offsets[:-1, None] + np.arange(LINKS)).ravel()] = lowest.ravel()
    links[np.repeat(offsets[nodes] + LINKS, sizes) + within] = np.where(linked, nodes[upper], -1)
    storage = faiss.downcast_index(index.storage)
    _copy(faiss, (file.codes.view(np.uint8) ^ 0x80).ravel(), storage.codes)
    _copy(faiss, levels, index.hnsw.levels)
    _copy(faiss, offsets.astype(np.uint64), index.hnsw.offsets)
    _copy(faiss, links, index.hnsw.neighbors)
    storage.ntotal = index.ntotal = rows
    index.hnsw.entry_point = int(nodes[file.entry]) if file.levels else file.entry
    index.hnsw.max_level = file.levels


def _checked(links: Any, rows: int) -> Any:
    """Links as faiss has them, with -1 for none. Raises Corrupted."""
    _require(((links < rows) | (links == NONE)).all(), "a link leads to a row that is not there")
    return links.astype(np.int32)


def _copy(faiss: Any, numbers: Any, vector: Any) -> None:
    vector.resize(numbers.size)
    faiss.rev_swig_ptr(vector.data(), numbers.size)[:] = numbers


def _require(holds: bool | np.bool_, wrong: str) -> None:
    if not holds:
        raise damaged("file of a graph", wrong)
