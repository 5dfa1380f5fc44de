"""Whether a file of faiss has codes that it can map: lists that add up to the rows, of codes that are as long as said.

The layout is that of faiss 1.15's `Iwrq` (a bit per coordinate) and `Iwrr` (more): the index's header, the centroids
(`IxFI`, `IxF2`), the code's parameters, how long each list is; then list after list its codes and its row numbers.
Those may have to be fetched: whoever searches checks them, list by list.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from quartzdb.storage.index.engines.codes import NUMBER_BYTES
from quartzdb.storage.index.engines.file_fields import FileFields, fields_of
from quartzdb.storage.index.engines.graph_file import check_header

_BITS_MAX = 9


def check_codes(path: Path, *, rows: int, width: int, inner: bool) -> None:
    """Raises Corrupted unless these are codes of so many rows. Reads only what comes before the lists."""
    with fields_of(path) as fields:
        kind = fields.expect("the kind", "S4", b"Iwrq", b"Iwrr")
        check_header(fields, rows=rows, width=width, inner=inner)
        lists = fields.number("<u8")
        fields.require(0 < lists <= fields.left // (4 * width), f"it has {lists} lists")
        fields.array("<u8", 1)  # how many lists to visit, which each search brings along
        fields.expect("the kind of centroids", "S4", b"IxFI" if inner else b"IxF2")
        check_header(fields, rows=lists, width=width, inner=inner)
        fields.vector("coordinates of centroids", "<f4", lists * width)
        fields.expect("the kind of map from rows to lists", "u1", 0)
        fields.vector("rows in that map", "<u8", 0)
        code_bytes = _check_quantizer(fields, width, inner, with_bits=kind == b"Iwrr")
        fields.expect("the kind of lists", "S4", b"ilar")
        fields.expect("the number of lists", "<u8", lists)
        fields.expect("the bytes of a code", "<u8", code_bytes)
        _check_sizes(fields, rows, lists)
        fields.end(rows * (code_bytes + NUMBER_BYTES))


def _check_quantizer(fields: FileFields, width: int, inner: bool, *, with_bits: bool) -> int:
    """How many bytes a code is."""
    fields.expect("the number of coordinates", "<u8", width)
    code_bytes = int(fields.number("<u8"))
    fields.expect("the metric of codes", "<i4", 0 if inner else 1)
    bits = 1
    if with_bits:
        bits = int(fields.number("<u8"))
        fields.require(1 <= bits <= _BITS_MAX, f"a coordinate has {bits} bits")
    # Signs and two or, for more bits, three numbers; the other bits and two numbers.
    whole = -(-width // 8) + 8 if bits == 1 else -(-width // 8) + 12 + -(-width * (bits - 1) // 8) + 8
    fields.require(
        code_bytes == whole, f"a code of {width} × {bits} bits has {code_bytes} bytes, not {whole}"
    )
    fields.expect("the bytes of a code", "<u8", code_bytes)
    fields.expect("the mark of codes relative to centroids", "u1", 1)
    fields.number("u1")  # bits of a query, which each search brings along
    return code_bytes


def _check_sizes(fields: FileFields, rows: int, lists: int) -> None:
    """How long lists are: of all of them, or number and length of those that have rows where most have none."""
    if fields.expect("the kind of lengths", "S4", b"full", b"sprs") == b"full":
        sizes = fields.vector("lengths", "<u8", lists)
    else:
        count = fields.number("<u8")
        fields.require(count % 2 == 0 and count <= 2 * lists, f"{count} numbers are no lengths of lists")
        pairs = fields.array("<u8", count).reshape(-1, 2)
        numbers, sizes = pairs[:, 0], pairs[:, 1]
        fields.require(
            (numbers < lists).all() and (numbers[1:] > numbers[:-1]).all(),
            "a length is of a list twice or of none",
        )
    # Each by itself first: a sum of any numbers may wrap around.
    fields.require(
        (sizes <= rows).all() and sizes.sum(dtype=np.uint64) == rows, f"lists do not add up to {rows} rows"
    )
