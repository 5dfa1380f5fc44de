"""The port through which filters are evaluated: which of the n rows of one segment, or of the tail, have what.

Keys are those of `domain.fieldkey`. Every mask has shape (n,), is freshly made and belongs to the caller, who may
write to it. A path that no row has is no error: nothing is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from quartzdb.domain.vector import Mask
from quartzdb.storage.index.fields.field_order import FieldOrder, Occurrences


class FieldIndex(Protocol):
    """An inverted index of metadata fields."""

    @property
    def row_count(self) -> int:
        """n, the length of every mask."""
        ...

    def existing(self, path: str) -> Mask:
        """Rows that have anything at the path: a scalar, an object or an array."""
        ...

    def equal(self, path: str, key: bytes) -> Mask:
        """Rows with a value at the path, or an element of an array there, whose key is this one."""
        ...

    def any_of(self, path: str, keys: Sequence[bytes]) -> Mask:
        """Rows with a value at the path, or an element there, whose key is one of these; repeats are harmless."""
        ...

    def within(self, path: str, low: bytes, high: bytes) -> Mask:
        """Rows with a value at the path whose key is in low <= key < high."""
        ...

    def containing(self, path: str, key: bytes) -> Mask:
        """Rows with an array at the path that has an element whose key is this one."""
        ...

    def paths(self) -> Sequence[str]:
        """Every path that some row has, in no particular order."""
        ...

    def order(self, path: str) -> FieldOrder:
        """All rows in the order of their values at the path."""
        ...

    def occurrences(self, path: str) -> Sequence[Occurrences]:
        """The values at the path, and the elements of arrays there: each kind that there is, with keys of its own."""
        ...
