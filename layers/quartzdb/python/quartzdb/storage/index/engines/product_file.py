"""The file of product codes: centroids, values and the lengths of lists; then each list's blocks and row numbers.

All numbers are little-endian. Each list begins at a multiple of 32 bytes, so that it is scanned where it is mapped,
and lists lie in the order of their numbers, so that a search which visits some of them needs nothing of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quartzdb.domain.vector import Rows
from quartzdb.storage.index.engines.centroids import Centroids
from quartzdb.storage.index.engines.codes import NUMBER_BYTES, Codes
from quartzdb.storage.index.engines.file_fields import fields_of
from quartzdb.storage.index.engines.packed_codes import CodeBytes, packed, padded
from quartzdb.storage.index.engines.product_quantizer import VALUES, ProductQuantizer

KIND = b"QUARTZP1"
_ALIGNED = 32
_HEAD_ALIGNED = 64


@dataclass(frozen=True, eq=False)
class ProductHead:
    """What comes before the lists."""

    centroids: Centroids
    values: npt.NDArray[np.float32]
    parts: int
    sizes: Rows
    head_bytes: int
    file: CodeBytes
    """All of the file, mapped."""

    @property
    def row_bytes(self) -> int:
        """Bytes of one row's code."""
        return self.parts // 2

    @property
    def capacities(self) -> Rows:
        """How many rows the blocks of each list have room for."""
        return padded(self.sizes)

    @property
    def lengths(self) -> Rows:
        """Bytes of each list."""
        numbers: Rows = -(-self.sizes * NUMBER_BYTES // _ALIGNED) * _ALIGNED
        return self.capacities * self.row_bytes + numbers

    @cached_property
    def offsets(self) -> Rows:
        """Where each list begins, and where the file ends (lists + 1)."""
        ends = np.cumsum(self.lengths)
        return self.head_bytes + np.concatenate([[0], ends]).astype(np.int64)

    def spans(self, lists: Rows) -> tuple[Rows, Rows]:
        """Where these lists begin in the file, and how many bytes each takes."""
        return self.offsets[lists], self.offsets[lists + 1] - self.offsets[lists]

    def listed_bytes(self, sizes: Rows) -> int:
        """Bytes of lists of so many rows each."""
        return int(padded(sizes).sum()) * self.row_bytes + int(sizes.sum()) * NUMBER_BYTES


class ProductFileCodes(Codes):
    """What codes of such a file have in common, whoever searches them: the kernel or faiss."""

    _head: ProductHead

    @property
    def row_bytes(self) -> int:
        return self._head.row_bytes

    @property
    def listed_bytes(self) -> int:
        return self._head.listed_bytes(np.diff(self._starts))

    def spans(self, lists: Rows) -> tuple[Rows, Rows]:
        return self._head.spans(lists)


def read_head(path: Path, *, rows: int, width: int, inner: bool) -> ProductHead:
    """Raises Corrupted unless the file has codes of so many rows. Reads only what comes before the lists."""
    with fields_of(path) as fields:
        size = fields.left
        fields.expect("the kind", "S8", KIND)
        fields.expect("the number of rows", "<u8", rows)
        fields.expect("the number of coordinates", "<u8", width)
        fields.expect("the metric", "<u8", int(inner))
        parts = int(fields.number("<u8"))
        fields.require(
            0 < parts <= width and width % parts == 0 and parts % 2 == 0,
            f"{width} coordinates have {parts} parts",
        )
        lists = int(fields.number("<u8"))
        fields.require(0 < lists <= fields.left // (4 * width), f"it has {lists} lists")
        matrix = fields.array("<f4", lists * width).reshape(lists, width)
        values = fields.array("<f4", VALUES * width)
        sizes = fields.array("<u8", lists)
        # Each by itself first: a sum of any numbers may wrap around.
        fields.require(
            (sizes <= rows).all() and sizes.sum(dtype=np.uint64) == rows,
            f"lists do not add up to {rows} rows",
        )
        head = ProductHead(
            *(Centroids(matrix, inner=inner), values, parts, sizes.astype(np.int64)),
            *(_head_bytes(lists, width), fields.content),
        )
        fields.array("u1", head.head_bytes - (size - fields.left))
        fields.end(int(head.offsets[-1]) - head.head_bytes)
    return head


def write_lists(
    path: Path,
    centroids: Centroids,
    quantizer: ProductQuantizer,
    groups: Sequence[Rows],
    codes: CodeBytes,
    *,
    arranged: bool,
) -> int:
    """Write the codes (n, bytes) of each list's rows, in that order, and say how many bytes come before the lists.

    `arranged`: rows are numbered as they are written. Otherwise they keep their numbers.
    """
    # What is there may be mapped: it must not change.
    path.unlink(missing_ok=True)
    head_bytes = _head_bytes(centroids.lists, centroids.width)
    with path.open("wb") as file:
        numbers = (len(codes), centroids.width, int(centroids.inner), quantizer.parts, centroids.lists)
        file.write(KIND + np.array(numbers, dtype="<u8").tobytes())
        file.write(centroids.matrix.astype("<f4").tobytes() + quantizer.values.astype("<f4").tobytes())
        file.write(np.array([rows.size for rows in groups], dtype="<u8").tobytes())
        file.write(bytes(head_bytes - file.tell()))
        first = 0
        for rows in groups:
            named = np.arange(first, first + rows.size) if arranged else rows
            first += rows.size
            file.write(packed(codes[rows]).tobytes() + named.astype("<i8").tobytes())
            file.write(bytes(-file.tell() % _ALIGNED))
    return head_bytes


def _head_bytes(lists: int, width: int) -> int:
    length = len(KIND) + 5 * 8 + 4 * width * (lists + VALUES) + 8 * lists
    return -(-length // _HEAD_ALIGNED) * _HEAD_ALIGNED
