"""Product codes that the kernel searches where they are mapped: neither faiss nor a copy is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Floats, Mask, Rows
from quartzdb.storage.index.engines.codes import NUMBER_BYTES, Bits, Float32Matrix
from quartzdb.storage.index.engines.kernel_library import Kernel
from quartzdb.storage.index.engines.kernel_lists import KernelLists, KernelRanking
from quartzdb.storage.index.engines.native_scores import full_rows
from quartzdb.storage.index.engines.packed_codes import CodeBytes, packed, padded, unpacked
from quartzdb.storage.index.engines.product_file import ProductFileCodes, ProductHead, read_head
from quartzdb.storage.index.engines.rotation import Rotation
from quartzdb.storage.index.segments.partial_file import PartialFile
from quartzdb.storage.index.segments.stored_vectors import StoredVectors


class KernelCodes(ProductFileCodes):
    """A file of codes, mapped, or some of its rows in memory."""

    def __init__(
        self, kernel: Kernel, head: ProductHead, file: CodeBytes, offsets: Rows, sizes: Rows, **how: Any
    ) -> None:
        super().__init__(head.centroids, sizes, **how)
        self._head = head
        self._file = file
        self._offsets = offsets
        self._lists = KernelLists(
            kernel, head, file, offsets, self._starts, None if self._arranged else int(head.sizes.sum())
        )

    @classmethod
    def read(
        cls,
        path: Path,
        *,
        kernel: Kernel,
        rows: int,
        width: int,
        inner: bool,
        arranged: bool = True,
        part: PartialFile | None = None,
    ) -> KernelCodes:
        """Map a file of so many codes; only pages that searches touch are read. Raises Corrupted."""
        head = read_head(path, rows=rows, width=width, inner=inner)
        return cls(kernel, head, head.file, head.offsets, head.sizes, arranged=arranged, part=part)

    def search(
        self, query: Floats, depth: int, lists: Rows, nearness: Floats, allowed: Bits | None = None
    ) -> tuple[Rows, Floats]:
        # A code is of a row, and not of what is left of it without its centroid.
        del nearness
        with self._here(lists):
            self._check_numbers(lists)
            return self._lists.search(query, depth, lists, allowed)

    def search_each(
        self, queries: Float32Matrix, depth: int, lists: Sequence[Rows], nearness: Float32Matrix
    ) -> Sequence[Rows]:
        del nearness
        visited = np.unique(np.concatenate(lists))
        with self._here(visited):
            self._check_numbers(visited)
            return [
                self._lists.search(query, depth, some, None)[0]
                for query, some in zip(queries, lists, strict=True)
            ]

    def numbers(self, number: int) -> Rows:
        begin, room, size = self._span(number)
        return self._file[begin + room : begin + room + NUMBER_BYTES * size].view("<i8")

    def among(self, allowed: Mask) -> KernelCodes | None:
        if self._part is not None:
            return None
        matches = self.matches_by_list(allowed).astype(np.int64)
        filled = np.flatnonzero(matches)
        self._check_numbers(filled)
        parts: list[CodeBytes] = []
        for number in filled.tolist():
            numbers = self.numbers(number)
            kept = allowed.take(numbers)
            parts += [packed(self._codes(number)[kept]), numbers[kept].view(np.uint8)]
        ends = np.cumsum(padded(matches) * self.row_bytes + matches * NUMBER_BYTES)
        offsets = np.concatenate([[0], ends]).astype(np.int64)
        file = np.concatenate(parts) if parts else np.empty(0, dtype=np.uint8)
        return KernelCodes(
            self._lists.kernel, self._head, file, offsets, matches, arranged=False, checked=True
        )

    def ranking(
        self, rotation: Rotation, vectors: StoredVectors, metric: Metric, extra: Rows
    ) -> KernelRanking | None:
        """What scores in the same step as it searches; None where lists or rows are not in memory."""
        if self._part is not None or full_rows(vectors, metric) is None:
            return None
        return KernelRanking(self._lists, rotation, vectors, metric, extra)

    def _span(self, number: int) -> tuple[int, int, int]:
        """Where a list begins, how many bytes its blocks take, and how many rows it has."""
        size = np.diff(self._starts[number : number + 2])
        return int(self._offsets[number]), int(padded(size)[0]) * self.row_bytes, int(size[0])

    def _codes(self, number: int) -> CodeBytes:
        begin, room, size = self._span(number)
        return unpacked(self._file[begin : begin + room], size, self.row_bytes)
