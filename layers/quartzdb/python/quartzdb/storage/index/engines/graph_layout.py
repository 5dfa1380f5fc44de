"""The file of a graph: a header, each row's codes and links side by side, and the links of the upper levels.

    header        128 bytes, `_HEADER`
    rows          for each row its codes (int8, zeros up to a multiple of 32); the sum of their squares (int32), where
                  rows are compared by distance; its links on the lowest level (uint32 rows, then NONE); zeros up to a
                  multiple of 64 bytes
    upper rows    uint32 for each node of the upper levels: which row it is, ascending
    upper starts  uint32: where its links begin, those of level 1 first
    upper links   uint32 numbers of nodes, then NONE, 16 for each of its levels

Numbers are little-endian. Opening it reads the header only: whoever follows a link compares it with the size first, so
that a link which leads nowhere is found by the search that meets it, and nothing has to be read to be checked.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quartzdb.domain.values import dataclass
from quartzdb.storage.index.engines.file_fields import fields_of

Uint32s = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]

NONE = 0xFFFFFFFF
"""In the place of a link: there is none, nor any behind it."""
CODE_MAX = 127
LINKS = 32
UPPER_LINKS = 16
_LEVELS_MAX = 64
_MAGIC = b"QZGRAPH\n"
_VERSION = 1
_HEADER = struct.Struct("<8sIIQIIIIIIIIII d 56x")
_WIDTH_UNIT, _STRIDE_UNIT = 32, 64
_SUM_BYTES, _LINK_BYTES = 4, 4
_BLOCK_BYTES = 1 << 24
_STEP_MAX = 1e30


@dataclass(frozen=True, slots=True, eq=False)
class GraphFile:
    """A graph's arrays, over memory or a mapped file. `entry` is an upper node, or a row where there is none."""

    inner: bool
    padded: int
    step: float
    levels: int
    entry: int
    rows: Bytes
    """(n, stride)"""
    upper_rows: Uint32s
    upper_starts: Uint32s
    upper_links: Uint32s

    @property
    def width(self) -> int:
        """Bytes of a row's codes."""
        return _up(self.padded, _WIDTH_UNIT)

    @property
    def codes(self) -> npt.NDArray[np.int8]:
        """(n, padded)"""
        return self.rows[:, : self.padded].view(np.int8)

    @property
    def links(self) -> Uint32s:
        """(n, LINKS), those of the lowest level."""
        begin = self.width + (0 if self.inner else _SUM_BYTES)
        return self.rows[:, begin : begin + LINKS * _LINK_BYTES].view("<u4")


def stride_of(padded: int, *, inner: bool) -> int:
    """Bytes that a row takes."""
    width = _up(padded, _WIDTH_UNIT)
    return _up(width + (0 if inner else _SUM_BYTES) + LINKS * _LINK_BYTES, _STRIDE_UNIT)


def read_graph(path: Path, *, rows: int, padded: int, inner: bool) -> GraphFile:
    """Map a graph over so many rows. Raises Corrupted."""
    with fields_of(path) as fields:
        header = _HEADER.unpack(fields.array("u1", _HEADER.size).tobytes())
        fields.require(header[0] == _MAGIC, "it does not begin as a graph does")
        fields.require(
            header[1] == _VERSION, f"it is of format {header[1]}, and this version reads {_VERSION}"
        )
        stride = stride_of(padded, inner=inner)
        expected = (int(inner), rows, padded, _up(padded, _WIDTH_UNIT), stride, LINKS)
        fields.require(header[2:8] == expected, f"its rows are {header[2:8]}, not {expected}")
        upper, upper_size, upper_links, levels, entry, nothing, step = header[8:]
        fields.require(
            upper <= rows and upper_links == UPPER_LINKS and levels <= _LEVELS_MAX and nothing == 0,
            f"it has {levels} levels above the lowest, and {upper} rows there",
        )
        fields.require(bool(upper) == bool(levels) == bool(upper_size), "its upper levels have no rows")
        fields.require(entry < (upper or rows), f"searches begin at {entry}")
        fields.require(math.isfinite(step) and 0 < step < _STEP_MAX, f"a code stands for {step}")
        graph = GraphFile(
            inner,
            padded,
            step,
            levels,
            entry,
            fields.array("u1", rows * stride).reshape(rows, stride),
            fields.array("<u4", upper),
            fields.array("<u4", upper),
            fields.array("<u4", upper_size),
        )
        fields.end()
    return graph


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """What a build hands over: bytes that are codes + 128, and links as faiss has them: `links` of all rows, from the
    lowest level up, row after row; a row's begin at `begins`, and `levels` says how many levels it is on.
    """

    inner: bool
    step: float
    entry: int
    codes: Bytes
    """(n, padded)"""
    levels: npt.NDArray[np.int32]
    begins: npt.NDArray[np.uint64]
    links: npt.NDArray[np.int32]


def write_graph(path: Path, linked: Linked) -> None:
    """Write the file. The same graph gives the same bytes."""
    count, padded = linked.codes.shape
    nodes = np.flatnonzero(linked.levels > 1)
    heights = linked.levels[nodes].astype(np.int64) - 1
    starts = np.cumsum(heights * UPPER_LINKS) - heights * UPPER_LINKS
    size = int(heights.sum()) * UPPER_LINKS
    entry = int(np.searchsorted(nodes, linked.entry)) if nodes.size else linked.entry
    header = _HEADER.pack(
        *(_MAGIC, _VERSION, int(linked.inner), count, padded, _up(padded, _WIDTH_UNIT)),
        *(stride_of(padded, inner=linked.inner), LINKS, nodes.size, size, UPPER_LINKS),
        *(int(heights.max(initial=0)), entry, 0, linked.step),
    )
    with path.open("wb") as file:
        file.write(header)
        for block in _row_blocks(linked):
            file.write(block.tobytes())
        file.write(nodes.astype("<u4").tobytes())
        file.write(starts.astype("<u4").tobytes())
        file.write(_upper_links(linked, nodes, heights).tobytes())


def _row_blocks(linked: Linked) -> Iterator[Bytes]:
    count, padded = linked.codes.shape
    stride = stride_of(padded, inner=linked.inner)
    width = _up(padded, _WIDTH_UNIT)
    step = max(1, _BLOCK_BYTES // stride)
    for start in range(0, count, step):
        stop = min(start + step, count)
        block = np.zeros((stop - start, stride), dtype=np.uint8)
        # One code fewer below zero than a byte has: products of signed bytes need its opposite, too.
        codes = (np.maximum(linked.codes[start:stop], 1) ^ 0x80).view(np.int8)
        block[:, :padded] = codes.view(np.uint8)
        at = width
        if not linked.inner:
            squares = np.einsum("ij,ij->i", codes, codes, dtype=np.int32)
            block[:, at : at + _SUM_BYTES] = squares.astype("<i4")[:, None].view(np.uint8)
            at += _SUM_BYTES
        places = linked.begins[start:stop].astype(np.int64)[:, None] + np.arange(LINKS)
        links = np.ascontiguousarray(linked.links[places]).astype("<i4")
        block[:, at : at + LINKS * _LINK_BYTES] = links.view(np.uint8)
        yield block


def _upper_links(
    linked: Linked, nodes: npt.NDArray[np.int64], heights: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint32]:
    if not nodes.size:
        return np.empty(0, dtype="<u4")
    sizes = heights * UPPER_LINKS
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    rows = linked.links[np.repeat(linked.begins[nodes].astype(np.int64) + LINKS, sizes) + within]
    return np.where(rows < 0, NONE, np.searchsorted(nodes, rows)).astype("<u4")


def _up(number: int, unit: int) -> int:
    return -(-number // unit) * unit
