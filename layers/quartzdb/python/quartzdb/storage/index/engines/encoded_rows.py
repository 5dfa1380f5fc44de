"""Rows on their way into lists: which list each belongs to, and its code, until their order in the file is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Rows
from quartzdb.storage.index.engines.centroids import Centroids
from quartzdb.storage.index.engines.codes import Codes
from quartzdb.storage.index.engines.kernel_library import Kernel
from quartzdb.storage.index.engines.product_codes import mapped_codes
from quartzdb.storage.index.engines.product_file import write_lists
from quartzdb.storage.index.engines.product_quantizer import ProductQuantizer

Float32Matrix = npt.NDArray[np.float32]
Blocks = Callable[[], Iterable[Float32Matrix]]
"""All turned rows (m, width), block by block, from the beginning each time."""


class EncodedRows:
    """Rows in lists, written as codes of one quantizer or another."""

    def __init__(self, centroids: Centroids, blocks: Blocks, kernel: Kernel | None) -> None:
        """`kernel` is what searches them as they are tried; None: faiss."""
        self._centroids = centroids
        self._blocks = blocks
        self._kernel = kernel
        lists = np.concatenate([centroids.nearest(block) for block in blocks()])
        self._rows = np.argsort(lists, kind="stable")
        self._ends = np.cumsum(np.bincount(lists, minlength=centroids.lists))

    @property
    def groups(self) -> list[Rows]:
        """The rows of each list, ascending."""
        return self._split(self._rows)

    def encode(self, quantizer: ProductQuantizer) -> None:
        """Make the codes that are written from now on."""
        self._quantizer = quantizer
        self._codes = np.concatenate([quantizer.codes(block) for block in self._blocks()])

    def write(self, path: Path) -> Codes:
        """The codes under the numbers that rows have, opened."""
        write_lists(path, self._centroids, self._quantizer, self.groups, self._codes, arranged=False)
        return mapped_codes(
            path,
            self._kernel,
            rows=len(self._codes),
            width=self._centroids.width,
            inner=self._centroids.inner,
            arranged=False,
        )

    def write_in(self, order: Rows, path: Path) -> int:
        """The same in an order (list after list), under the numbers of that; says how many bytes precede the lists."""
        groups = self._split(order)
        return write_lists(path, self._centroids, self._quantizer, groups, self._codes, arranged=True)

    def _split(self, rows: Rows) -> list[Rows]:
        return np.split(rows, self._ends[:-1])
