"""A graph searched by the kernel: one call from a question to the exact scores of the best rows.

Memory for searches is kept from one to the next, for as many as there ever were at the same time.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Rows, Vector
from quartzdb.storage.index.engines.allowed_bits import Bits
from quartzdb.storage.index.engines.code_bounds import CodeBounds
from quartzdb.storage.index.engines.file_fields import damaged
from quartzdb.storage.index.engines.graph_layout import UPPER_LINKS, GraphFile
from quartzdb.storage.index.engines.kernel_library import (
    GraphAsk,
    Kernel,
    MappedGraph,
    Scratch,
    address,
)
from quartzdb.storage.index.engines.kernel_space import KernelSpace
from quartzdb.storage.index.engines.native_scores import full_rows, scores_of_rows
from quartzdb.storage.index.engines.port import Best
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.segments.stored_vectors import StoredVectors

TOP_MAX = 1 << 14
"""Most rows that one search keeps: more than calibration ever asks for."""
GOING_MAX = 1 << 17
"""Most rows that it may still go on from, a megabyte; only what is better than all it keeps gets there."""
_DAMAGED, _ABSENT = -2, -3


class Limits(NamedTuple):
    """A search is given up that is not over after `visits_max` compared rows (0: any number), or after a fourth of them
    has come to fewer than `allowed_least` allowed ones.
    """

    visits_max: int
    allowed_least: int


UNLIMITED = Limits(0, 0)


class KernelGraph:
    """Rows and their links. Any number of threads may search."""

    def __init__(
        self,
        kernel: Kernel,
        file: GraphFile,
        rotation: Rotation,
        scored: tuple[StoredVectors, Metric] | None = None,
        extra: Rows | None = None,
        bounds: CodeBounds | None = None,
    ) -> None:
        """`scored` says how rows score, where they shall; rows of `extra` then are scored with every search's own.

        `bounds` hold for all rows but the extra ones; without them codes rule out no row for certain.
        """
        self._file = file
        self._scored = scored
        self._bounds = bounds
        self._extra = np.empty(0, np.int64) if extra is None else np.ascontiguousarray(extra, np.int64)
        self._space = KernelSpace(rotation)
        self._dimension = self._space.dimension
        self._width = 2 * rotation.padded, file.width
        # What the structures point to is held by this object, and so are they.
        arrays = (file.rows, file.upper_rows, file.upper_starts, file.upper_links)
        self._graph = MappedGraph(
            *(one.ctypes.data for one in arrays),
            *(file.step, *(CodeBounds(0.0, 0.0) if bounds is None else bounds)),
            *(len(file.rows), file.width, file.rows.shape[1], file.links.shape[1]),
            *(file.upper_rows.size, file.upper_links.size, UPPER_LINKS),
            *(file.levels, file.entry, int(file.inner)),
        )
        self._full = None if scored is None else full_rows(*scored)
        self._search, self._list = kernel.library.qz_search, kernel.library.qz_listed
        self._always = (
            kernel.arithmetic,
            ctypes.addressof(self._graph),
            self._space.address,
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

    @property
    def tells_apart(self) -> bool:
        """Whether `best_listed` and `best_allowed` can be asked: besides, it is known how far codes may be off."""
        return self.scores and self._bounds is not None

    def search(
        self,
        query: Vector,
        depth: int,
        parameter: int,
        allowed: Bits | None = None,
        limits: Limits = UNLIMITED,
    ) -> Rows | None:
        """As Graph.search does; `allowed` and `limits` as in `best`."""
        memory = self._memory(query)
        ask = memory.ask
        ask.ef, ask.depth, ask.count = max(parameter, depth), depth, 0
        ask.allowed = None if allowed is None else address(allowed)
        ask.visits_max, ask.allowed_least = limits
        found = self._asked(self._search, memory)
        rows = None if found < 0 else memory.rows[:found].copy()
        self._idle.append(memory)
        return rows

    def best(
        self,
        query: Vector,
        count: int,
        depth: int,
        parameter: int,
        allowed: Bits | None = None,
        limits: Limits = UNLIMITED,
    ) -> Best | None:
        """The best of the rows that `search` would find, and of the extra ones; with `allowed`, of rows with a bit.

        None where the query is too far out, or the search comes to its limits.
        """
        memory = self._memory(query)
        ask = memory.ask
        ask.ef, ask.depth, ask.count = max(parameter, depth), depth, count
        ask.allowed = None if allowed is None else address(allowed)
        ask.visits_max, ask.allowed_least = limits
        found = self._asked(self._search, memory)
        answer = None if found < 0 else memory.answer(found)
        self._idle.append(memory)
        return answer

    def best_listed(self, query: Vector, count: int, rows: Rows) -> Best | None:
        """Exactly the `count` best of some rows (m,), each once. Raises IndexError for one that is not there.

        None where it is not known how far codes may be off, or they tell too few of these rows apart.
        """
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        extra = np.intersect1d(self._extra, rows) if self._extra.size else self._extra
        return self._exactly(query, count, rows, None, extra)

    def best_allowed(self, query: Vector, count: int, allowed: Bits | None) -> Best | None:
        """Exactly the `count` best of the rows that have a bit, or of all rows. None as `best_listed`."""
        return self._exactly(query, count, None, allowed, self._extra)

    def scored(self, query: Vector, rows: Rows) -> Best:
        """Some rows (m,) with their scores, best first."""
        if self._scored is None:
            raise ValueError("This graph does not know how its rows score.")
        scores = scores_of_rows(*self._scored, query, rows)
        order = np.argsort(-scores)
        return Best(rows[order], scores[order], rows.size)

    def _exactly(
        self, query: Vector, count: int, rows: Rows | None, allowed: Bits | None, extra: Rows
    ) -> Best | None:
        if not self.tells_apart:
            return None
        memory = self._memory(query)
        ask = memory.ask
        ask.count, ask.allowed = count, None if allowed is None else address(allowed)
        if rows is not None:
            ask.listed, ask.listed_count = address(rows), rows.size
        ask.extra, ask.extras = address(extra), extra.size
        found = self._asked(self._list, memory)
        answer = None if found < 0 else memory.answer(found, exact=True)
        ask.listed, ask.extra, ask.extras = None, address(self._extra), self._extra.size
        self._idle.append(memory)
        return answer

    def _asked(self, call: Callable[..., int], memory: _Memory) -> int:
        """How many rows were found, or a negative number."""
        found = call(*self._always, memory.scratch_at, memory.ask_at)
        if found == _DAMAGED:
            raise damaged("file of a graph", "a link leads to a row that is not there")
        if found == _ABSENT:
            raise IndexError(f"Of the rows asked for, some are not among the {self.rows} there are.")
        return found

    def _memory(self, query: Vector) -> _Memory:
        if query.size != self._dimension:
            raise ValueError(f"A query of {query.size} numbers is none for {self._dimension} coordinates.")
        try:
            memory = self._idle.pop()
        except IndexError:
            memory = _Memory(self.rows, self._dimension, *self._width, self._extra)
        memory.query[:] = query
        return memory


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

    def answer(self, found: int, *, exact: bool = False) -> Best:
        """A copy of it."""
        return Best(self.rows[:found].copy(), self.scores[:found].copy(), self.ask.scored, exact)
