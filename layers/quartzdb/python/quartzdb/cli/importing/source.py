"""What every kind of source gives: its lines or rows in order, each one read or said to be bad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol

from quartzdb.domain.errors import QuartzError
from quartzdb.domain.values import dataclass

if TYPE_CHECKING:
    from quartzdb.domain.vector import Vector


@dataclass(frozen=True, slots=True, eq=False)
class SourceRecord:
    """One record of the source. Its vector and id are not checked against the namespace yet.

    `expires_at_ms` (unix) is when it is gone, None for never.
    """

    id: str
    vector: Vector
    metadata: dict[str, Any] = field(default_factory=dict)
    expires_at_ms: int | None = None


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

    `position` counts what was read up to and with it: reading again from there goes on with the next. `noun` is what
    messages call it.
    """

    number: int
    position: int
    content: Any
    noun: str = "Line"

    @property
    def place(self) -> str:
        """As messages begin with it."""
        return f"{self.noun} {self.number:,}" if self.noun == "Row" else f"{self.noun} {self.number}"


class ImportSource(Protocol):
    """Records or key-values, of a file or of a stream. Of a stream they can be asked for once."""

    @property
    def total(self) -> int | None:
        """How many positions there are, where that is known beforehand."""
        ...

    def lines(self, after: int) -> Iterator[ImportLine]:
        """What follows the position, in order; a bad line is a Line whose content is a BadLine."""
        ...
