"""Codes that are searched by faiss.

faiss is imported on the first call and never before: it costs a cold start 80 ms. Its objects are untyped here, since
the types that it ships do not match its own wrappers.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from quartzdb.domain.vector import Floats, Rows
from quartzdb.storage.index.engines.centroids import Centroids
from quartzdb.storage.index.engines.codes import Bits, Codes, Float32Matrix
from quartzdb.storage.index.engines.faiss_library import faiss_module


class FaissCodes(Codes):
    """An index of faiss, which releases the interpreter lock while it searches."""

    def __init__(self, index: Any, centroids: Centroids, sizes: Rows, **how: Any) -> None:
        super().__init__(centroids, sizes, **how)
        self._index = index
        self._inner = centroids.inner
        self._faiss = faiss_module()
        # One for each number of lists that was visited without a filter. Searches only read them.
        self._asked: dict[int, Any] = {}

    def search(
        self, query: Floats, depth: int, lists: Rows, nearness: Floats, allowed: Bits | None = None
    ) -> tuple[Rows, Floats]:
        if lists.size == 0:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        lists = np.ascontiguousarray(lists, dtype=np.int64)
        nearness = np.ascontiguousarray(nearness if self._inner else nearness**2, dtype=np.float32)
        estimates = np.empty(depth, dtype=np.float32)
        found = np.empty(depth, dtype=np.int64)
        pointer = self._faiss.swig_ptr
        with self._here(lists):
            self._check_numbers(lists)
            # The wrapper of this call takes no parameters; the function below it does.
            self._index.search_preassigned_c(
                1,
                pointer(query),
                depth,
                pointer(lists),
                pointer(nearness),
                pointer(estimates),
                pointer(found),
                False,
                self._parameters(lists.size, allowed),
            )
        # What was not found is marked, and comes last.
        if found[-1] < 0:
            real = found >= 0
            found, estimates = found[real], estimates[real]
        return found, estimates if self._inner else -np.sqrt(np.maximum(estimates, 0.0))

    def search_each(
        self, queries: Float32Matrix, depth: int, lists: Sequence[Rows], nearness: Float32Matrix
    ) -> Sequence[Rows]:
        # By one call of faiss.
        visit = max(some.size for some in lists)
        # Queries that visit fewer lists than another one have none in the places that are left.
        asked = np.full((len(queries), visit), -1, dtype=np.int64)
        near = np.zeros((len(queries), visit), dtype=np.float32)
        for at, some in enumerate(lists):
            asked[at, : some.size] = some
            near[at, : some.size] = nearness[at, some]
        if not self._inner:
            near **= 2
        estimates = np.empty((len(queries), depth), dtype=np.float32)
        found = np.empty((len(queries), depth), dtype=np.int64)
        pointer = self._faiss.swig_ptr
        visited = np.unique(asked[asked >= 0])
        with self._here(visited):
            self._check_numbers(visited)
            self._index.search_preassigned_c(
                len(queries),
                pointer(np.ascontiguousarray(queries)),
                depth,
                pointer(asked),
                pointer(near),
                pointer(estimates),
                pointer(found),
                False,
                self._parameters(visit, None),
            )
        return [rows[rows >= 0] for rows in found]

    def numbers(self, number: int) -> Rows:
        size = int(self._starts[number + 1] - self._starts[number])
        numbers: Rows = self._faiss.rev_swig_ptr(self._index.invlists.get_ids(number), size)
        return numbers

    @abstractmethod
    def asking(self, visit: int, selector: Any) -> Any:
        """Parameters of faiss: how many lists are visited, and which rows are selected (None: all)."""
        ...

    def _parameters(self, visit: int, allowed: Bits | None) -> Any:
        # Parameters of the shared index would be those of all threads.
        if allowed is not None:
            return self.asking(visit, self._faiss.IDSelectorBitmap(allowed))
        asked = self._asked.get(visit)
        if asked is None:
            asked = self._asked[visit] = self.asking(visit, None)
        return asked
