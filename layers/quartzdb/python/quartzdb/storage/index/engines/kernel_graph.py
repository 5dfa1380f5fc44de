"""A graph searched by the kernel: one call from a question to the exact scores of the best rows.

Memory for searches is kept from one to the next, for as many as there ever were at the same time.
"""

from __future__ import annotations

import ctypes
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Rows, Vector
from quartzdb.storage.index.engines.file_fields import damaged
from quartzdb.storage.index.engines.graph_layout import UPPER_LINKS, GraphFile
from quartzdb.storage.index.engines.kernel_library import GraphAsk, Kernel, MappedGraph, QuerySpace, Scratch
from quartzdb.storage.index.engines.native_scores import full_rows
from quartzdb.storage.index.engines.port import Best
from quartzdb.storage.index.engines.rotation import QUERY_LENGTH_MAX, Rotation
from quartzdb.storage.index.segments.stored_vectors import StoredVectors

TOP_MAX = 1 << 14
"""Most rows that one search keeps: more than calibration ever asks for."""
GOING_MAX = 1 << 17
"""Most rows that it may still go on from, a megabyte; only what is better than all it keeps gets there."""
_FAR, _DAMAGED = -1, -2


class KernelGraph:
    """Rows and their links. Any number of threads may search."""

    def __init__(
        self,
        kernel: Kernel,
        file: GraphFile,
        rotation: Rotation,
        scored: tuple[StoredVectors, Metric] | None = None,
        extra: Rows | None = None,
    ) -> None:
        """`scored` says how rows score, where they shall; rows of `extra` then are scored with every search's own."""
        self._file = file
        self._scored = scored
        self._extra = np.empty(0, np.int64) if extra is None else np.ascontiguousarray(extra, np.int64)
        self._turning = [
            np.ascontiguousarray(one, dtype=np.float32)
            for one in (rotation.center, rotation.signs, rotation.left, rotation.right)
        ]
        sizes = (rotation.center.size, rotation.padded, len(rotation.left), len(rotation.right))
        self._dimension = rotation.center.size
        self._width = 2 * rotation.padded, file.width
        # What the structures point to is held by this object, and so are they.
        self._space = QuerySpace(
            *(one.ctypes.data for one in self._turning),
            *(rotation.scale, QUERY_LENGTH_MAX, *sizes, int(rotation.inner)),
        )
        arrays = (file.rows, file.upper_rows, file.upper_starts, file.upper_links)
        self._graph = MappedGraph(
            *(one.ctypes.data for one in arrays),
            *(file.step, len(file.rows), file.width, file.rows.shape[1], file.links.shape[1]),
            *(file.upper_rows.size, file.upper_links.size, UPPER_LINKS),
            *(file.levels, file.entry, int(file.inner)),
        )
        self._full = None if scored is None else full_rows(*scored)
        self._call = kernel.library.qz_search
        self._always = (
            kernel.arithmetic,
            ctypes.addressof(self._graph),
            ctypes.addressof(self._space),
            None if self._full is None else ctypes.addressof(self._full),
        )
        self._idle: deque[_Memory] = deque()

    @property
    def rows(self) -> int:
        """How many rows are linked."""
        return len(self._file.rows)

    @property
    def scores(self) -> bool:
        """Whether `best` can be asked: rows are in memory."""
        return self._full is not None

    def search(self, query: Vector, depth: int, parameter: int) -> Rows | None:
        """As Graph.search does."""
        memory = self._memory()
        found = self._search(memory, query, depth, parameter, 0)
        rows = None if found == _FAR else memory.rows[:found].copy()
        self._idle.append(memory)
        return rows

    def best(self, query: Vector, count: int, depth: int, parameter: int) -> Best | None:
        """The best of the rows that `search` would find, and of the extra ones. None where the query is too far out."""
        memory = self._memory()
        found = self._search(memory, query, depth, parameter, count)
        answer = None
        if found != _FAR:
            answer = Best(memory.rows[:found].copy(), memory.scores[:found].copy(), memory.ask.scored)
        self._idle.append(memory)
        return answer

    def _search(self, memory: _Memory, query: Vector, depth: int, parameter: int, count: int) -> int:
        if query.size != self._dimension:
            raise ValueError(f"A query of {query.size} numbers is none for {self._dimension} coordinates.")
        memory.query[:] = query
        ask = memory.ask
        ask.ef, ask.depth, ask.count = max(parameter, depth), depth, count
        found: int = self._call(*self._always, memory.scratch_at, memory.ask_at)
        if found == _DAMAGED:
            raise damaged("file of a graph", "a link leads to a row that is not there")
        return found

    def _memory(self) -> _Memory:
        try:
            return self._idle.pop()
        except IndexError:
            return _Memory(self.rows, self._dimension, *self._width, self._extra)


class _Memory:
    """Of one search at a time: what it asks, where it notes what it has seen, and its answer."""

    def __init__(self, rows: int, dimension: int, placed: int, width: int, extra: Rows) -> None:
        top, going = min(TOP_MAX, rows) + extra.size, min(GOING_MAX, rows)
        self.query = np.empty(dimension, dtype=np.float32)
        self.rows = np.empty(top + extra.size, dtype=np.int64)
        self.scores = np.empty(top + extra.size, dtype=np.float32)
        self._held: list[npt.NDArray[Any]] = [
            np.zeros(rows, dtype=np.uint16),
            np.empty(going, dtype=np.int64),
            np.empty(top, dtype=np.int64),
            np.empty(placed, dtype=np.float32),
            np.empty(width, dtype=np.int8),
        ]
        self._extra = extra
        self.scratch = Scratch(*(one.ctypes.data for one in self._held), going, top, 0)
        self.ask = GraphAsk(
            query=self.query.ctypes.data, rows=self.rows.ctypes.data, scores=self.scores.ctypes.data
        )
        self.ask.extra, self.ask.extras = extra.ctypes.data, extra.size
        self.scratch_at = ctypes.addressof(self.scratch)
        self.ask_at = ctypes.addressof(self.ask)
