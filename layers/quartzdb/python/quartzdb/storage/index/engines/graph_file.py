"""Whether a file of faiss is a graph that it can map: links lead to rows that are there, and have links of their own.

The layout is that of faiss 1.15's `IHNs`: the index's header, the levels, the links of each row from the lowest level
up, where searches begin; then the rows' bytes, `IxSQ`.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from quartzdb.storage.index.engines.file_fields import FileFields, fields_of

LEVELS_MAX = 64
"""faiss draws up to nine at 16 links a row, for any number of rows."""
_BYTE_PER_COORDINATE = 0
_FLOAT_MAX = float(np.finfo(np.float32).max)


def check_graph(path: Path, *, rows: int, width: int, inner: bool, links: int) -> None:
    """Raises Corrupted unless this is a graph over so many rows, with so many links on the upper levels."""
    with fields_of(path) as fields:
        fields.expect("the kind", "S4", b"IHNs")
        check_header(fields, rows=rows, width=width, inner=inner)
        _check_links(fields, rows, links)
        fields.expect("the kind of the rows", "S4", b"IxSQ")
        check_header(fields, rows=rows, width=width, inner=inner)
        _check_quantizer(fields, width)
        fields.vector("bytes of rows", "u1", rows * width)
        fields.end()


def check_header(fields: FileFields, *, rows: int, width: int, inner: bool) -> None:
    """What every index of faiss begins with after its kind."""
    fields.expect("the number of coordinates", "<i4", width)
    fields.expect("the number of rows", "<i8", rows)
    fields.array("<i8", 2)  # without a meaning
    fields.expect("the mark of a trained index", "u1", 1)
    fields.expect("the metric", "<i4", 0 if inner else 1)


def _check_links(fields: FileFields, rows: int, links: int) -> None:
    levels_most = fields.number("<u8")
    fields.require(0 < levels_most <= LEVELS_MAX, f"it has {levels_most} levels")
    fields.array("<f8", levels_most)  # how likely each level is: only adding a row asks
    # Where the links of each level begin: twice as many on the lowest.
    begins = np.concatenate([[0], links * np.arange(2, levels_most + 2)])
    found = fields.vector("levels", "<i4", levels_most + 1)
    fields.require((found == begins).all(), "levels do not begin where they should")
    levels = fields.vector("rows with a level", "<i4", rows)
    fields.require(
        ((levels >= 1) & (levels <= levels_most)).all(), "a row is on no level, or beyond the last"
    )
    offsets = fields.vector("beginnings of links", "<u8", rows + 1)
    fields.require(
        offsets[0] == 0 and (np.diff(offsets) == begins[levels].astype(np.uint64)).all(),
        "a row's links do not begin where those before it end",
    )
    linked = fields.vector("links", "<i4", int(begins[levels].sum()))
    fields.require(linked.min() >= -1 and linked.max() < rows, "a link leads to a row that is not there")
    starts = np.concatenate([[0], np.cumsum(begins[levels])])[:-1]
    for level in range(1, int(levels.max())):
        here = starts[levels > level] + begins[level]
        reached = linked[here[:, None] + np.arange(links)]
        fields.require(
            (levels[reached[reached >= 0]] > level).all(), f"a link on level {level} leads below it"
        )
    entry, highest = fields.number("<i4"), fields.number("<i4")
    fields.require(
        0 <= entry < rows and highest == levels.max() - 1 and levels[entry] == levels.max(),
        f"searches begin at row {entry} on level {highest}",
    )
    fields.array("<i4", 3)  # efforts, of which each search brings its own


def _check_quantizer(fields: FileFields, width: int) -> None:
    """Where coordinates lie: from the first half of the numbers on, as far as the other half says."""
    fields.expect("the kind of bytes", "<i4", _BYTE_PER_COORDINATE)
    fields.array("<i4", 2)  # how ranges were found
    fields.expect("the number of coordinates", "<u8", width)
    fields.expect("the bytes of a row", "<u8", width)
    ranges: npt.NDArray[np.float32] = fields.vector("ranges", "<f4", 2 * width)
    # HAZARD: with a distance that is not finite faiss runs out of rows to go on from, and then reads before the first.
    reach = math.sqrt(_FLOAT_MAX / width) / 8
    fields.require((np.abs(ranges) < reach).all(), "coordinates are not finite")
