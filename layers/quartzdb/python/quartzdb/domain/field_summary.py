"""What a namespace's metadata is like: each field that some record has, with its values' types and their ranges."""

from __future__ import annotations

from dataclasses import field

from quartzdb.domain.values import dataclass


@dataclass(slots=True)
class TypeSummary:
    """Values of one type at a path, those in arrays included: how many, and the least and greatest by their keys."""

    count: int = 0
    least: bytes | None = None
    greatest: bytes | None = None

    def add(self, other: TypeSummary) -> None:
        """Take in those of other records."""
        self.count += other.count
        if other.least is not None:
            self.least = other.least if self.least is None else min(self.least, other.least)
        if other.greatest is not None:
            self.greatest = other.greatest if self.greatest is None else max(self.greatest, other.greatest)


@dataclass(slots=True)
class FieldSummary:
    """A path: how many records have anything there, and values by type (boolean, number, string)."""

    records: int = 0
    types: dict[str, TypeSummary] = field(default_factory=dict)

    def add(self, other: FieldSummary) -> None:
        """Take in that of other records."""
        self.records += other.records
        for name, summary in other.types.items():
            self.types.setdefault(name, TypeSummary()).add(summary)


Fields = dict[str, FieldSummary]


def add_fields(target: Fields, other: Fields) -> None:
    """Take in the fields of other records."""
    for path, summary in other.items():
        target.setdefault(path, FieldSummary()).add(summary)
