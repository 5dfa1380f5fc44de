"""The tables of the field index inside a segment's records.sqlite, and how row sets and columns are laid out in them.

Stored in every segment: changing anything here changes the segment format.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from pyroaring import BitMap

from quartzdb.domain.vector import Rows
from quartzdb.storage.index.fields.key_dictionary import squeeze, unsqueeze
from quartzdb.storage.index.fields.ordinal_column import Ordinals

TABLES = (
    # One row per path and kind (see domain.metadata.Kind). Kind 0 says which rows have the path at all.
    """CREATE TABLE fields (
        path BLOB NOT NULL,           -- UTF-8
        kind INTEGER NOT NULL,
        id INTEGER NOT NULL,
        rows BLOB,                    -- the rows of kind 0, or of a column; NULL: all those where the path exists
        key_count INTEGER NOT NULL,   -- distinct keys; 0 for kind 0
        keys_per_block INTEGER,       -- NULL: no column but postings
        fences BLOB,                  -- of a column: the first key of each block
        PRIMARY KEY (path, kind)
    ) WITHOUT ROWID""",
    # Columns (no row has two keys): the sorted keys, and for each row its key's rank, one byte plane at a time.
    """CREATE TABLE field_key_blocks (
        field INTEGER NOT NULL, block INTEGER NOT NULL, keys BLOB NOT NULL, PRIMARY KEY (field, block)
    ) WITHOUT ROWID""",
    """CREATE TABLE field_planes (
        field INTEGER NOT NULL, plane INTEGER NOT NULL, ordinals BLOB NOT NULL, PRIMARY KEY (field, plane)
    ) WITHOUT ROWID""",
    # Postings (some row has several keys, as arrays do, or there are few): the rows of each key.
    """CREATE TABLE field_postings (
        field INTEGER NOT NULL, key BLOB NOT NULL, rows BLOB NOT NULL, PRIMARY KEY (field, key)
    ) WITHOUT ROWID""",
)

_LISTED = b"\x00"
_ROARING = b"\x01"
_LISTED_MAX = 6
"""Up to so many rows a plain list is smaller than a roaring bitmap and its header."""


def encode_path(path: str) -> bytes:
    """A path as it is stored. A lone surrogate is passed through: such a path is merely never asked for."""
    return path.encode("utf-8", "surrogatepass")


def decode_path(stored: bytes) -> str:
    """What was encoded."""
    return stored.decode("utf-8", "surrogatepass")


def pack_rows(rows: Rows) -> bytes:
    """Ascending rows without repeats."""
    small = rows.astype("<u4")
    if len(small) <= _LISTED_MAX:
        return _LISTED + small.tobytes()
    # From an array.array the bitmap is built in C; from a numpy array it would be one number at a time.
    bitmap = BitMap(array("I", small.tobytes()))
    bitmap.run_optimize()
    return _ROARING + bitmap.serialize()


def unpack_rows(stored: bytes) -> Rows:
    """What was packed. int64, because numpy scatters through any other type several times slower."""
    if stored[:1] == _LISTED:
        return np.frombuffer(stored, dtype="<u4", offset=1).astype(np.int64)
    return np.frombuffer(BitMap.deserialize(stored[1:]).to_array(), dtype=np.uint32).astype(np.int64)


def pack_planes(ordinals: Ordinals) -> Iterator[bytes]:
    """Byte 0 of every ordinal, then byte 1, …: the high bytes repeat, so that they deflate well by themselves."""
    width = ordinals.itemsize
    little = ordinals.astype(ordinals.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, width)
    return (squeeze(little[:, plane].tobytes()) for plane in range(width))


def unpack_planes(planes: Sequence[bytes]) -> Ordinals:
    """What was packed; the number of planes is the width of the type."""
    width = len(planes)
    little = np.stack([np.frombuffer(unsqueeze(plane), dtype=np.uint8) for plane in planes], axis=1)
    return np.ascontiguousarray(little).view(np.dtype(f"<u{width}")).reshape(-1)
