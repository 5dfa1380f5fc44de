"""What every kind of source file gives: its lines or rows in order, each one read or said to be bad."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from quartzdb.domain.errors import QuartzError

if TYPE_CHECKING:
    from quartzdb.domain.vector import Vector


@dataclass(frozen=True, slots=True, eq=False)
class SourceRecord:
    """One record of the source. Its vector and id are not checked against the namespace yet."""

    id: str
    vector: Vector
    metadata: dict[str, Any] = field(default_factory=dict)


class BadLine(Exception):
    """A line or row that is no record; says why."""

    def __init__(self, problem: str, *, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    @classmethod
    def of(cls, error: QuartzError) -> BadLine:
        """The same as the database said it."""
        place = f"{error.field}: " if error.field else ""
        return cls(f"{place}{error.message}", hint=error.hint)


@dataclass(frozen=True, slots=True)
class ImportLine:
    """One line (or row) by its number in the file, from 1. `content` is what it holds, or why it is bad.

    `position` counts what was read up to and with it: reading again from there goes on with the next.
    """

    number: int
    position: int
    content: Any


class ImportSource(Protocol):
    """A file of records or of key-values."""

    @property
    def total(self) -> int | None:
        """How many positions there are, where that is known beforehand."""
        ...

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows the position, in order; a bad line is a Line whose content is a BadLine."""
        ...


def open_source(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed where its name ends in .gz."""
    if path.suffix == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]  # GzipFile is an IO[bytes] in all but its type stub
    return path.open("rb")
