"""Codes of 4 bits for every few coordinates, scanned 32 rows at a time from tables in registers (fast scan).

What a query is to each of a part's 16 values is computed once and rounded to a byte; a row's estimate is the sum of
what its parts name. Passing over a row takes a third of the time that one-bit codes (RaBitQ) take.
"""

from __future__ import annotations

import ctypes
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.domain.errors import Unavailable
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.engines.faiss_codes import FaissCodes
from quartzdb.storage.index.engines.faiss_library import faiss_module
from quartzdb.storage.index.engines.kernel_codes import KernelCodes
from quartzdb.storage.index.engines.kernel_library import Kernel
from quartzdb.storage.index.engines.packed_codes import BLOCK_ROWS, CodeBytes, packed, unpacked
from quartzdb.storage.index.engines.product_file import ProductFileCodes, ProductHead, read_head
from quartzdb.storage.index.engines.product_quantizer import BITS
from quartzdb.storage.index.segments.partial_file import PartialFile


class ProductCodes(ProductFileCodes, FaissCodes):
    """A file of codes, mapped, or some of its rows in memory, where there is no kernel."""

    def __init__(self, index: Any, lists: Any, head: ProductHead, sizes: Rows, **how: Any) -> None:
        super().__init__(index, head.centroids, sizes, **how)
        self._head = head
        # What the index has no reference to.
        self._lists = lists

    @classmethod
    def read(
        cls,
        path: Path,
        *,
        rows: int,
        width: int,
        inner: bool,
        arranged: bool = True,
        part: PartialFile | None = None,
    ) -> ProductCodes:
        """Map a file of so many codes; only pages that searches touch are read. Raises Corrupted."""
        head = read_head(path, rows=rows, width=width, inner=inner)
        faiss = faiss_module()
        lists = faiss.OnDiskInvertedLists(head.centroids.lists, head.row_bytes, str(path))
        lists.read_only = True
        # Reading ahead takes threads, which wait longer for each other than pages take.
        lists.prefetch_nthread = 0
        offsets = head.offsets
        lists.totsize = int(offsets[-1])
        table = np.stack([head.sizes, head.capacities, offsets[:-1]], axis=1).astype(np.uintp)
        ctypes.memmove(int(lists.lists.data().this), table.ctypes.data, table.nbytes)
        try:
            lists.do_mmap()
        except RuntimeError as error:
            raise Unavailable(
                f"The index file {path.name} could not be mapped: {str(error)[-200:]}"
            ) from error
        index = _empty(head)
        index.replace_invlists(lists, False)
        index.ntotal = rows
        return cls(index, lists, head, head.sizes, arranged=arranged, part=part)

    def asking(self, visit: int, selector: Any) -> Any:
        return self._faiss.IVFSearchParameters(nprobe=visit, sel=selector)

    def among(self, allowed: Mask) -> ProductCodes | None:
        if self._part is not None:
            return None
        index, pointer = _empty(self._head, own_lists=True), self._faiss.swig_ptr
        matches = self.matches_by_list(allowed)
        filled = np.flatnonzero(matches)
        self._check_numbers(filled)
        for number in filled.tolist():
            numbers = self.numbers(number)
            kept = allowed.take(numbers)
            blocks, numbers = packed(self._codes(number, numbers.size)[kept]), numbers[kept]
            index.invlists.add_entries(number, numbers.size, pointer(numbers), pointer(blocks))
            index.ntotal += numbers.size
        return ProductCodes(index, None, self._head, matches.astype(np.int64), arranged=False, checked=True)

    def _codes(self, number: int, size: int) -> CodeBytes:
        room = -(-size // BLOCK_ROWS) * BLOCK_ROWS
        blocks = self._faiss.rev_swig_ptr(self._index.invlists.get_codes(number), room * self.row_bytes)
        return unpacked(blocks, size, self.row_bytes)


def mapped_codes(
    path: Path,
    kernel: Kernel | None,
    *,
    rows: int,
    width: int,
    inner: bool,
    arranged: bool = True,
    part: PartialFile | None = None,
) -> KernelCodes | ProductCodes:
    """A file of so many codes, searched by the kernel where there is one, and else by faiss. Raises Corrupted."""
    read = ProductCodes.read if kernel is None else partial(KernelCodes.read, kernel=kernel)
    return read(path, rows=rows, width=width, inner=inner, arranged=arranged, part=part)


def _empty(head: ProductHead, *, own_lists: bool = False) -> Any:
    """An index with nothing in its lists. Centroids are never asked for: each search says which lists it visits."""
    faiss, centroids = faiss_module(), head.centroids
    flat = faiss.IndexFlatIP(centroids.width) if centroids.inner else faiss.IndexFlatL2(centroids.width)
    index = faiss.IndexIVFPQFastScan(
        flat,
        centroids.width,
        centroids.lists,
        head.parts,
        BITS,
        faiss.METRIC_INNER_PRODUCT if centroids.inner else faiss.METRIC_L2,
        BLOCK_ROWS,
        own_lists,
    )
    faiss.copy_array_to_vector(np.ascontiguousarray(head.values), index.pq.centroids)
    index.is_trained = True
    return index
