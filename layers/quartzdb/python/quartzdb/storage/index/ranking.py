"""The port of rankings: in which order the records of one view answer a question, whatever kind of question it is.

Pages and groups are made of ranked rows, and know nothing of vectors, words or fusion.
"""

from __future__ import annotations

from typing import Protocol

from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Rows


@dataclass(frozen=True, slots=True, eq=False)
class RankedRows:
    """Rows (m,) of one source, in no particular order and without repeats, with their scores (m,).

    A row has the same score whenever, wherever and beside whichever others it is ranked. `matches`: how many rows there
    are to be ranked. `exact`: of the rows that are missing none can be better than those that are here.
    """

    rows: Rows
    scores: Floats
    matches: int
    exact: bool

    @property
    def complete(self) -> bool:
        """Whether no row is missing."""
        return len(self.rows) >= self.matches


class Ranking(Protocol):
    """Of one question over one view. `source` is a number as in `sources.sources_of`."""

    @property
    def exact(self) -> bool:
        """Whether everything that matches is scored anyway, however few are asked for."""
        ...

    def best(self, source: int, count: int) -> RankedRows:
        """The `count` best matching rows of a source, or more. Raises DeadlineExceeded."""
        ...

    def best_among(self, source: int, rows: Rows, count: int) -> RankedRows:
        """The same among some rows (m,), ascending; those of them that do not match are left out."""
        ...
