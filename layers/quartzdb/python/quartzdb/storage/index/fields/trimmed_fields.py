"""The field index of a tail as it was at one moment: the rows that came since are cut off, here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask
from quartzdb.storage.index.fields.field_index import FieldIndex
from quartzdb.storage.index.fields.field_order import FieldOrder, Occurrences

Answer = TypeVar("Answer")


class ReadFields(Protocol):
    """Reads a field index that grows, while nobody writes to it."""

    def __call__(self, read: Callable[[FieldIndex], Answer], /) -> Answer: ...


@dataclass(frozen=True, slots=True, eq=False)
class TrimmedFields:
    """A FieldIndex over the first `row_count` rows of one that goes on growing. Thread-safe, as `read` is."""

    read: ReadFields
    row_count: int

    def existing(self, path: str) -> Mask:
        return self.read(lambda fields: fields.existing(path))[: self.row_count]

    def equal(self, path: str, key: bytes) -> Mask:
        return self.read(lambda fields: fields.equal(path, key))[: self.row_count]

    def any_of(self, path: str, keys: Sequence[bytes]) -> Mask:
        return self.read(lambda fields: fields.any_of(path, keys))[: self.row_count]

    def within(self, path: str, low: bytes, high: bytes) -> Mask:
        return self.read(lambda fields: fields.within(path, low, high))[: self.row_count]

    def containing(self, path: str, key: bytes) -> Mask:
        return self.read(lambda fields: fields.containing(path, key))[: self.row_count]

    def paths(self) -> Sequence[str]:
        """Those of later rows, too: at such a path nothing is there."""
        return self.read(lambda fields: fields.paths())

    def order(self, path: str) -> FieldOrder:
        order = self.read(lambda fields: fields.order(path))
        return FieldOrder(order.ranks[: self.row_count], order.keys)

    def occurrences(self, path: str) -> Sequence[Occurrences]:
        found = self.read(lambda fields: fields.occurrences(path))
        return [some.before(self.row_count) for some in found]
