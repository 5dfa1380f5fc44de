"""Lists of product codes searched by the kernel, which reads them where they lie.

Memory for searches is kept from one to the next, for as many as there ever were at the same time.
"""

from __future__ import annotations

import ctypes
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Floats, Rows, Vector
from quartzdb.storage.index.engines.centroids import Centroids
from quartzdb.storage.index.engines.file_fields import damaged
from quartzdb.storage.index.engines.kernel_library import (
    Kernel,
    ListAsk,
    ListScratch,
    MappedLists,
)
from quartzdb.storage.index.engines.kernel_space import KernelSpace
from quartzdb.storage.index.engines.native_scores import full_rows
from quartzdb.storage.index.engines.packed_codes import CodeBytes
from quartzdb.storage.index.engines.port import Best
from quartzdb.storage.index.engines.product_file import ProductHead
from quartzdb.storage.index.engines.product_quantizer import VALUES
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.segments.stored_vectors import StoredVectors

_SPARE_MIN = 64
"""Rows that are taken beyond those wanted before the best of them are kept: as many as are wanted, and never fewer."""
_FAR, _DAMAGED = -1, -2


class KernelLists:
    """Lists in memory. Any number of threads may search."""

    def __init__(
        self,
        kernel: Kernel,
        head: ProductHead,
        file: CodeBytes,
        offsets: Rows,
        starts: Rows,
        rows: int | None,
    ) -> None:
        """`offsets` (lists + 1,) say where in `file` each begins, `starts` (lists + 1,) how many rows lie before it.

        Rows are numbered as they lie, or where `rows` says how many there are, by numbers that are behind the codes.
        """
        self.kernel = kernel
        self.centroids: Centroids = head.centroids
        self._room = (head.centroids.lists, head.parts)
        # A value's numbers lie apart, so that each coordinate of a query meets all 16 at once.
        values = np.asarray(head.values, dtype=np.float32).reshape(head.parts, VALUES, -1)
        self._held: list[npt.NDArray[Any]] = [
            file,
            np.ascontiguousarray(offsets, dtype=np.int64),
            np.ascontiguousarray(starts, dtype=np.int64),
            np.ascontiguousarray(head.centroids.matrix, dtype=np.float32),
            np.zeros(1, np.float32)
            if head.centroids.squares is None
            else np.ascontiguousarray(head.centroids.squares, dtype=np.float32),
            np.ascontiguousarray(values.transpose(0, 2, 1)),
            np.arange(head.centroids.lists, dtype=np.int64),
        ]
        self._lists = MappedLists(
            *(one.ctypes.data for one in self._held[:-1]),
            *(int(starts[-1]) if rows is None else rows, head.centroids.lists, head.centroids.width),
            *(head.parts, int(rows is None), int(head.centroids.inner)),
        )
        self.address = ctypes.addressof(self._lists)
        self._idle: deque[ListMemory] = deque()

    def search(
        self, turned: Floats, depth: int, which: Rows, allowed: npt.NDArray[np.uint8] | None
    ) -> tuple[Rows, Floats]:
        """As Codes.search does. Raises Corrupted where a list has a row that is not there."""
        if turned.size != self.centroids.width:
            raise ValueError(
                f"A query of {turned.size} numbers is none for {self.centroids.width} coordinates."
            )
        memory = self.memory(depth)
        turned = np.ascontiguousarray(turned, dtype=np.float32)
        which = np.ascontiguousarray(which, dtype=np.int64)
        ask = memory.ask
        ask.query, ask.which, ask.visit = turned.ctypes.data, which.ctypes.data, which.size
        ask.allowed = None if allowed is None else allowed.ctypes.data
        found = self.kernel.library.qz_lists_search(
            self.kernel.arithmetic, self.address, memory.scratch_at, memory.ask_at
        )
        if found == _DAMAGED:
            raise damaged("of codes", "a list names rows that are not in it")
        # Numbers at the edge of float32: an estimate that is not finite is never ranked.
        found = max(found, 0)
        rows, estimates = memory.rows[:found].copy(), memory.scores[:found].copy()
        self.keep(memory)
        return rows, estimates

    def memory(self, depth: int, extras: int = 0) -> ListMemory:
        """For one search of so many rows. Give it back afterwards."""
        try:
            memory = self._idle.pop()
        except IndexError:
            memory = None
        if memory is None or memory.depth_max < depth + extras:
            memory = ListMemory(depth + extras, *self._room, self.centroids.width, self._held[-1])
        memory.scratch.kept_max = depth + max(depth, _SPARE_MIN) + extras
        memory.ask.depth = depth
        return memory

    def keep(self, memory: ListMemory) -> None:
        """For the next search."""
        self._idle.append(memory)


class KernelRanking:
    """The best rows of some lists by their exact scores, in one call."""

    def __init__(
        self, lists: KernelLists, rotation: Rotation, vectors: StoredVectors, metric: Metric, extra: Rows
    ) -> None:
        """Rows of `extra` are scored with every search's own. Raises ValueError unless rows are in memory."""
        full = full_rows(vectors, metric)
        if full is None:
            raise ValueError("The rows are not in memory, or lie in no way that the kernel reads.")
        self._lists = lists
        self._space = KernelSpace(rotation)
        self._extra = np.ascontiguousarray(extra, dtype=np.int64)
        # The kernel has addresses of what these hold.
        self._vectors, self._full = vectors, full
        self._call = lists.kernel.library.qz_lists_best
        self._always = (
            *(lists.kernel.arithmetic, lists.address, self._space.address),
            ctypes.addressof(full),
        )

    def best(self, query: Vector, count: int, cut: float, depth: int) -> Best | None:
        """The best of the `depth` rows that codes rank first in the lists as near as `cut`, and of the extra ones.

        None where those are fewer than `count` in such lists, or the query is too far out.
        """
        if query.size != self._space.dimension:
            raise ValueError(
                f"A query of {query.size} numbers is none for {self._space.dimension} coordinates."
            )
        memory = self._lists.memory(depth, self._extra.size)
        ask = memory.ask
        memory.query[: query.size] = query
        ask.query = memory.query_at
        ask.allowed = None
        ask.extra, ask.extras = self._extra.ctypes.data, self._extra.size
        ask.cut, ask.count = cut, count
        found = self._call(*self._always, memory.scratch_at, memory.ask_at)
        if found == _DAMAGED:
            raise damaged("of codes", "a list names rows that are not in it")
        answer = None
        if found != _FAR and ask.found >= min(count, depth):
            answer = Best(memory.rows[:found].copy(), memory.scores[:found].copy(), ask.scored)
        self._lists.keep(memory)
        return answer


class ListMemory:
    """Of one search at a time: what it asks, what it notes, and its answer."""

    def __init__(self, depth_max: int, lists: int, parts: int, width: int, every: Rows) -> None:
        self.depth_max = depth_max
        self.query = np.empty(width, dtype=np.float32)
        self.rows = np.empty(depth_max, dtype=np.int64)
        self.scores = np.empty(depth_max, dtype=np.float32)
        kept_max = depth_max + max(depth_max, _SPARE_MIN)
        self._held: list[npt.NDArray[Any]] = [
            np.empty(2 * width, dtype=np.float32),
            np.empty(lists, dtype=np.float32),
            every,
            np.empty(lists, dtype=np.int64),
            np.empty(lists, dtype=np.uint8),
            np.empty(VALUES * parts, dtype=np.float32),
            np.empty(VALUES * parts, dtype=np.uint8),
            np.empty(kept_max, dtype=np.int64),
        ]
        self.scratch = ListScratch(*(one.ctypes.data for one in self._held), kept_max)
        self.query_at = self.query.ctypes.data
        self.ask = ListAsk(rows=self.rows.ctypes.data, scores=self.scores.ctypes.data)
        self.scratch_at = ctypes.addressof(self.scratch)
        self.ask_at = ctypes.addressof(self.ask)
