"""Codes of a bit or two per coordinate, which segments have that were built before product codes: read, never written.

RaBitQ: Gao and Long, SIGMOD 2024, arXiv:2405.12497.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.engines.centroids import Centroids
from quartzdb.storage.index.engines.codes import NUMBER_BYTES
from quartzdb.storage.index.engines.faiss_codes import FaissCodes
from quartzdb.storage.index.engines.faiss_library import faiss_module, mapped_index
from quartzdb.storage.index.engines.rabitq_file import check_codes
from quartzdb.storage.index.segments.partial_file import PartialFile

QUERY_BITS = 4
"""Bits per coordinate of the query; eight find no more and scan 15 % slower."""


class RabitqCodes(FaissCodes):
    """An index of faiss, mapped or in memory."""

    @classmethod
    def read(
        cls,
        path: Path,
        *,
        rows: int,
        width: int,
        inner: bool,
        part: PartialFile | None = None,
    ) -> RabitqCodes:
        """Map a file of so many codes; only pages that searches touch are read. Raises Corrupted."""
        check_codes(path, rows=rows, width=width, inner=inner)
        return cls.over(mapped_index(path, "IndexIVFRaBitQ", "RaBitQ lists"), arranged=True, part=part)

    @classmethod
    def over(cls, index: Any, *, arranged: bool, part: PartialFile | None = None) -> RabitqCodes:
        """The codes of an index, whose numbers nobody has looked at."""
        faiss = faiss_module()
        # A view of the quantizer's own numbers, copied only where the file has them at an odd address.
        flat = faiss.rev_swig_ptr(faiss.downcast_index(index.quantizer).get_xb(), index.nlist * index.d)
        matrix = np.require(flat.reshape(index.nlist, index.d), requirements=["A", "C"])
        centroids = Centroids(matrix, inner=bool(index.metric_type == faiss.METRIC_INNER_PRODUCT))
        return cls(index, centroids, _sizes(index), arranged=arranged, part=part)

    @property
    def row_bytes(self) -> int:
        return int(self._index.code_size)

    @property
    def listed_bytes(self) -> int:
        return self.rows * (self.row_bytes + NUMBER_BYTES)

    def asking(self, visit: int, selector: Any) -> Any:
        return self._faiss.IVFRaBitQSearchParameters(nprobe=visit, qb=QUERY_BITS, sel=selector)

    def spans(self, lists: Rows) -> tuple[Rows, Rows]:
        assert self._part is not None
        each = self.row_bytes + NUMBER_BYTES
        begin, end = self._starts[lists], self._starts[lists + 1]
        return self._part.size - self.listed_bytes + begin * each, (end - begin) * each

    def among(self, allowed: Mask) -> RabitqCodes | None:
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
            numbers = self.numbers(number)
            codes = faiss.rev_swig_ptr(stored.get_codes(number), numbers.size * self.row_bytes)
            kept = allowed.take(numbers)
            numbers, codes = numbers[kept], codes.reshape(-1, self.row_bytes)[kept]
            index.invlists.add_entries(number, numbers.size, pointer(numbers), pointer(codes))
            index.ntotal += numbers.size
        return RabitqCodes(index, self._centroids, _sizes(index), arranged=False, checked=True)


def _sizes(index: Any) -> Rows:
    stored = index.invlists
    return np.array([stored.list_size(number) for number in range(index.nlist)], dtype=np.int64)
