"""Recall levels: what an index must spend for each share of the true nearest, and for any share between them.

Levels are measured at build time, on the sample that the usual parameters is measured on. What no level reaches is not
promised: whoever asks for it is answered by a scan. A recall is what the sample reached, and real queries are easier.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Generic, Protocol, TypeVar

from quartzdb.domain.errors import Corrupted
from quartzdb.domain.values import dataclass

LEVELS = (0.8, 0.9, 0.95, 0.97, 0.99, 0.995, 0.999)
"""What else is measured, as far as the sample goes and search parameters reach."""
MISSES_MIN = 2.0
"""A level counts only where it would let this many results of the sample be missed; a smaller sample cannot tell."""
_REMEMBERED = 64
"""Tables of the recalls asked for last; most clients ask for one."""

Row = tuple[int, float, float]
"""A count, and the engine's two numbers for it."""
Table = TypeVar("Table")
Entry = TypeVar("Entry", bound="OfCount")


@dataclass(frozen=True, slots=True)
class Level:
    """What it takes that `count` results have a recall: two numbers whose meaning is the engine's."""

    count: int
    recall: float
    first: float
    second: float


def measurable(results: float) -> tuple[float, ...]:
    """The levels that a sample with so many results can tell from each other."""
    return tuple(level for level in LEVELS if (1.0 - level) * results >= MISSES_MIN)


class OfCount(Protocol):
    """An entry of a table by how many results are asked for."""

    @property
    def count(self) -> int:
        """How many."""
        ...


class ByRecall(Generic[Table]):
    """The usual table of an index, and one for every recall that it can reach. Thread-safe."""

    def __init__(
        self,
        usual: Table,
        counts: Sequence[int],
        levels: Sequence[Level],
        make: Callable[[Sequence[Row]], Table],
    ) -> None:
        """`counts` are those of the usual table; `make` is what makes a table of some of them."""
        self._usual = usual
        self._make = make
        self._counts = [(count, [level for level in levels if level.count == count]) for count in counts]
        self._between = lru_cache(maxsize=_REMEMBERED)(self._made)

    def at(self, count: int, recall: float | None) -> Table | None:
        """The table to search `count` results by; None where that recall is out of reach for them."""
        if recall is None:
            return self._usual
        table, reach = self._between(recall)
        return table if count <= reach else None

    def _made(self, recall: float) -> tuple[Table | None, float]:
        """The table of a recall, and up to which count it holds."""
        rows: list[Row] = []
        for count, levels in self._counts:
            found = _interpolated(levels, recall)
            if found is None:
                return (self._make(rows), rows[-1][0]) if rows else (None, 0)
            rows.append((count, *found))
        return (self._make(rows), math.inf) if rows else (None, 0)


def _interpolated(levels: Sequence[Level], recall: float) -> tuple[float, float] | None:
    """Both numbers, linear between two levels in the logarithm of what may be missed; None beyond the last level."""
    upper = bisect_left(levels, recall, key=lambda level: level.recall)
    if upper == len(levels):
        return None
    high = levels[upper]
    if upper == 0 or high.recall == recall:
        return high.first, high.second
    low = levels[upper - 1]
    share = math.log((1 - low.recall) / (1 - recall)) / math.log((1 - low.recall) / (1 - high.recall))
    return low.first + share * (high.first - low.first), low.second + share * (high.second - low.second)


def parse_table(
    parameters: Mapping[str, Any],
    name: str,
    entry: Callable[[Any, Any, Any], Entry],
    possible: Callable[[Entry], bool],
) -> tuple[Entry, ...]:
    """The entries of parameters[name] by ascending count, each made by `entry`. Raises Corrupted."""
    try:
        entries = tuple(entry(count, first, second) for count, first, second in parameters[name])
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupted(f"The index parameters have no readable table {name!r}.") from error
    ordered = all(low.count < high.count for low, high in pairwise(entries))
    if not entries or not ordered or not all(map(possible, entries)):
        raise Corrupted(f"The index parameters' table {name!r} is empty, unordered or impossible.")
    return entries


def by_recall(
    parameters: Mapping[str, Any],
    name: str,
    table: Table,
    counts: Sequence[int],
    make: Callable[[Sequence[Row]], Table],
) -> ByRecall[Table]:
    """The usual table, for these counts, with the levels of parameters[name]. Raises Corrupted."""
    return ByRecall(table, counts, parse(parameters, name), make)


def document(levels: Sequence[Level]) -> Sequence[Sequence[float]]:
    """JSON for a segment's parameters."""
    return [[level.count, level.recall, level.first, level.second] for level in levels]


def parse(parameters: Mapping[str, Any], name: str) -> Sequence[Level]:
    """Read `document` back from parameters[name]. Raises Corrupted."""
    try:
        levels = [
            Level(int(count), float(recall), float(first), float(second))
            for count, recall, first, second in parameters[name]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupted(f"The index parameters have no readable levels {name!r}.") from error
    ordered = all((low.count, low.recall) < (high.count, high.recall) for low, high in pairwise(levels))
    if not ordered or any(level.count < 1 or not 0 < level.recall < 1 for level in levels):
        raise Corrupted(f"The index parameters' levels {name!r} are unordered or impossible.")
    return levels
