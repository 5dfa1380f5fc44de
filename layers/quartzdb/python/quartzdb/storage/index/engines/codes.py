"""Codes: rows in inverted lists, a few bits per coordinate, by faiss.

RaBitQ: Gao and Long, SIGMOD 2024, arXiv:2405.12497. Visiting some of the lists (IVF): Jégou et al., PAMI 2011.

faiss is imported on the first call and never before: it costs a cold start 80 ms. Its objects are untyped here, since
the types that it ships do not match its own wrappers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Floats, Mask, Rows
from quartzdb.storage.index.engines.codes_file import NUMBER_BYTES, check_codes, check_numbers
from quartzdb.storage.index.engines.faiss_library import faiss_module, mapped_index
from quartzdb.storage.index.engines.row_order import chain
from quartzdb.storage.index.segments.partial_file import PartialFile

Float32Matrix = npt.NDArray[np.float32]
Bits = npt.NDArray[np.uint8]
"""One bit per row, least significant first, as numpy.packbits(…, bitorder="little") makes them."""

QUERY_BITS = 4
"""Bits per coordinate of the query; eight find no more and scan 15 % slower."""
TRAINING_ROUNDS = 10
"""Twice the rounds and four times the rows made lists 1 % better and training six times longer."""


class Codes:
    """An encoded matrix. Searching changes nothing in it, and faiss releases the interpreter lock meanwhile.

    Near lists have near numbers. `arranged`: rows lie list after list, so the number of a row says where its code is.
    `part` is the file where it is read in parts: each search brings the lists that it visits.
    """

    def __init__(
        self,
        index: Any,
        *,
        arranged: bool = False,
        part: PartialFile | None = None,
        whole: Codes | None = None,
    ) -> None:
        self._index = index
        # What owns the centroids, where this has some of its rows.
        self._whole = whole
        self._arranged = arranged
        self._part = part
        # Lists of a file whose row numbers nobody has looked at yet.
        self._unread = np.zeros(index.nlist, dtype=np.bool_)
        self._faiss = faiss_module()
        # One for each number of lists that was visited without a filter. Searches only read them.
        self._asked: dict[int, Any] = {}
        self._grouping = threading.Lock()
        self._inner = bool(index.metric_type == self._faiss.METRIC_INNER_PRODUCT)
        # A view of the quantizer's own numbers, copied only where the file has them at an odd address.
        flat = self._faiss.rev_swig_ptr(
            self._faiss.downcast_index(index.quantizer).get_xb(), index.nlist * index.d
        )
        self._centroids: Float32Matrix = np.require(
            flat.reshape(index.nlist, index.d), requirements=["A", "C"]
        )
        self._centroid_squares: Floats = np.einsum("ij,ij->i", self._centroids, self._centroids)

    @classmethod
    def train(cls, sample: Float32Matrix, lists: int, bits: int, *, inner: bool, seed: int) -> Codes:
        """Empty lists around centroids of the sample (m, width); directions only where `inner`."""
        faiss = faiss_module()
        width = sample.shape[1]
        # Too few rows for a centroid are no reason to warn: calibration measures what came of it.
        clusters = faiss.Kmeans(
            width,
            lists,
            niter=TRAINING_ROUNDS,
            seed=seed,
            spherical=inner,
            min_points_per_centroid=1,
            max_points_per_centroid=len(sample),
        )
        clusters.train(sample)
        return cls._around(clusters.centroids[chain(clusters.centroids)], bits, inner=inner)

    def with_bits(self, bits: int) -> Codes:
        """Empty lists around the same centroids, for codes of another size."""
        return self._around(self._centroids, bits, inner=self._inner)

    @classmethod
    def _around(cls, centroids: Float32Matrix, bits: int, *, inner: bool) -> Codes:
        faiss = faiss_module()
        lists, width = centroids.shape
        quantizer = faiss.IndexFlatIP(width) if inner else faiss.IndexFlatL2(width)
        quantizer.add(centroids)
        metric = faiss.METRIC_INNER_PRODUCT if inner else faiss.METRIC_L2
        index = faiss.IndexIVFRaBitQ(quantizer, width, lists, metric, True, bits)
        # RaBitQ learns nothing from data; training on the centroids only marks the index as ready.
        index.train(centroids)
        return cls(index)

    def add(self, rows: Float32Matrix) -> None:
        """Encode the next rows (m, width)."""
        self._index.add(rows)

    def arrange(self, order: Rows) -> None:
        """Let the row that was added as number `order[i]` be row i; `order` has all rows, list after list."""
        stored = self._index.invlists
        _, starts = self.grouped
        for number in range(self.lists):
            start, end = int(starts[number]), int(starts[number + 1])
            if start == end:
                continue
            ids = self._faiss.rev_swig_ptr(stored.get_ids(number), end - start)
            codes = self._faiss.rev_swig_ptr(stored.get_codes(number), (end - start) * self.row_bytes)
            codes = codes.reshape(end - start, self.row_bytes)
            # Rows were added in ascending order, and lie so in each list.
            codes[:] = codes[np.searchsorted(ids, order[start:end])]
            ids[:] = np.arange(start, end)
        self._arranged = True
        self.__dict__.pop("_grouped", None)

    def write(self, path: Path) -> None:
        """Write to a file; the same codes give the same bytes."""
        self._faiss.write_index(self._index, str(path))

    @classmethod
    def read(
        cls,
        path: Path,
        *,
        rows: int,
        width: int,
        inner: bool,
        part: PartialFile | None = None,
    ) -> Codes:
        """Map a file of so many codes; only pages that searches touch are read. Raises Corrupted."""
        check_codes(path, rows=rows, width=width, inner=inner)
        codes = cls(mapped_index(path, "IndexIVFRaBitQ", "RaBitQ lists"), arranged=True, part=part)
        codes._unread = np.ones(codes.lists, dtype=np.bool_)
        return codes

    def head_bytes(self, path: Path) -> int:
        """How much of the file that was written comes before the lists: centroids, and the lengths of lists."""
        return path.stat().st_size - self.rows * self.listed_bytes

    @property
    def rows(self) -> int:
        """How many rows are encoded."""
        return int(self._index.ntotal)

    @property
    def width(self) -> int:
        """Coordinates of a row."""
        return int(self._index.d)

    @property
    def lists(self) -> int:
        """How many lists there are, empty ones included."""
        return int(self._index.nlist)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row's code."""
        return int(self._index.code_size)

    def nearness_of_each(self, queries: Float32Matrix) -> Float32Matrix:
        """`nearness` for each of some queries (m, width): (m, lists)."""
        products: Float32Matrix = queries @ self._centroids.T
        if self._inner:
            return products
        squares = self._centroid_squares - 2.0 * products + np.einsum("ij,ij->i", queries, queries)[:, None]
        nearness: Float32Matrix = -np.sqrt(np.maximum(squares, np.float32(0.0)))
        return nearness

    def nearness(self, query: Floats) -> Floats:
        """How near each list's centroid is to a query (width,): the product, or the distance negated."""
        products: Floats = self._centroids @ query
        if self._inner:
            return products
        squares: Floats = self._centroid_squares - 2.0 * products + query @ query
        return -np.sqrt(np.maximum(squares, 0.0))

    def search(
        self, query: Floats, depth: int, lists: Rows, nearness: Floats, allowed: Bits | None = None
    ) -> tuple[Rows, Floats]:
        """The `depth` rows that codes estimate best in these lists, of the allowed ones, best first; their estimates.

        `nearness` (lists,) belongs to the lists given. Estimates are on the same scale: products, or distances negated.
        Nearest first is fastest: later lists then add few rows.
        """
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
        """The rows that `search` finds for each query (m, width) in its own lists, by one call of faiss.

        `nearness` (m, all lists).
        """
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

    def _here(self, lists: Rows) -> AbstractContextManager[None]:
        """While this lasts, these lists are in memory."""
        if self._part is None:
            return nullcontext()
        begin, end = self._starts[lists], self._starts[lists + 1]
        filled = begin < end
        head = self._part.size - self.rows * self.listed_bytes
        starts = head + begin[filled] * self.listed_bytes
        return self._part.held(starts, (end - begin)[filled] * self.listed_bytes)

    def _check_numbers(self, lists: Rows) -> None:
        """That these lists, which are in memory, have rows that are there. Each is looked at once. Raises Corrupted."""
        for number in lists[self._unread[lists]].tolist():
            begin, end = self._starts[number : number + 2].tolist()
            if begin < end:
                ids = self._faiss.rev_swig_ptr(self._index.invlists.get_ids(number), end - begin)
                check_numbers(ids, begin if self._arranged else None, self.rows)
            self._unread[number] = False

    def _parameters(self, visit: int, allowed: Bits | None) -> Any:
        # Parameters of the shared index would be those of all threads.
        if allowed is not None:
            selector = self._faiss.IDSelectorBitmap(allowed)
            return self._faiss.IVFRaBitQSearchParameters(nprobe=visit, qb=QUERY_BITS, sel=selector)
        asked = self._asked.get(visit)
        if asked is None:
            asked = self._faiss.IVFRaBitQSearchParameters(nprobe=visit, qb=QUERY_BITS)
            self._asked[visit] = asked
        return asked

    def matches_by_list(self, allowed: Mask) -> npt.NDArray[np.int32]:
        """How many rows that are allowed (n,) each list has."""
        filled = np.flatnonzero(np.diff(self._starts))
        matches = np.zeros(self.lists, dtype=np.int32)
        in_lists = allowed if self._arranged else allowed.take(self.grouped[0])
        matches[filled] = np.add.reduceat(in_lists, self._starts[filled], dtype=np.int32)
        return matches

    def among(self, allowed: Mask) -> Codes | None:
        """The codes of the allowed rows (n,) alone, around the same centroids, under the same numbers, in memory.

        None where the lists have to be fetched.
        """
        if self._part is not None:
            return None
        faiss, stored, pointer = self._faiss, self._index.invlists, self._faiss.swig_ptr
        index = faiss.IndexIVFRaBitQ(
            self._index.quantizer,
            self.width,
            self.lists,
            self._index.metric_type,
            True,
            self._index.rabitq.nb_bits,
        )
        index.is_trained = True
        filled = np.flatnonzero(self.matches_by_list(allowed))
        self._check_numbers(filled)
        for number in filled.tolist():
            size = stored.list_size(number)
            ids = faiss.rev_swig_ptr(stored.get_ids(number), size)
            codes = faiss.rev_swig_ptr(stored.get_codes(number), size * self.row_bytes)
            kept = allowed.take(ids)
            ids, codes = ids[kept], codes.reshape(size, self.row_bytes)[kept]
            index.invlists.add_entries(number, ids.size, pointer(ids), pointer(codes))
            index.ntotal += ids.size
        return Codes(index, whole=self)

    @property
    def listed_bytes(self) -> int:
        """What a row takes in its list: its code and its number."""
        return self.row_bytes + NUMBER_BYTES

    @property
    def grouped(self) -> tuple[npt.NDArray[np.int32], Rows]:
        """Row numbers list after list, and where each list starts (lists + 1).

        Where rows are not arranged the numbers are gathered on first use and kept.
        """
        if self._arranged:
            return np.arange(self.rows, dtype=np.int32), self._starts
        with self._grouping:
            return self._grouped, self._starts

    @cached_property
    def _starts(self) -> Rows:
        stored = self._index.invlists
        sizes = [stored.list_size(number) for number in range(self.lists)]
        return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @cached_property
    def _grouped(self) -> npt.NDArray[np.int32]:
        stored, starts = self._index.invlists, self._starts
        self._check_numbers(np.arange(self.lists))
        rows = np.empty(self.rows, dtype=np.int32)
        for number in range(self.lists):
            start, end = int(starts[number]), int(starts[number + 1])
            if start < end:
                rows[start:end] = self._faiss.rev_swig_ptr(stored.get_ids(number), end - start)
        return rows


@contextmanager
def openmp_threads(threads: int) -> Iterator[None]:
    """Let faiss use this many threads for work that this thread starts."""
    faiss = faiss_module()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
