"""Search parameters: what to spend on a search, by results asked for and share of the nearest wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from quartzdb.domain.values import dataclass
from quartzdb.storage.index.engines.recall_levels import ByRecall, Row, by_recall, parse_table

PLAIN_LEVELS = "plain_levels"


@dataclass(frozen=True, slots=True)
class SearchParameters:
    """What to spend where `count` results are asked for: how much to look at, and how many rows to rescore (`depth`).

    What `visit` means is the engine's: a number of nodes, of rows, or how near a list must be.
    """

    count: int
    visit: float
    depth: int


@dataclass(frozen=True, slots=True)
class SearchParameterTable:
    """Search parameters by ascending count."""

    by_count: tuple[SearchParameters, ...]

    def at(self, count: int) -> tuple[float, int]:
        """(visit, depth) for a count up to the last: between entries, linear in the count's logarithm.

        Beyond the last entry the depth grows in proportion and `visit` stays: the caller looks further.
        """
        first, last = self.by_count[0], self.by_count[-1]
        if count <= first.count:
            return first.visit, first.depth
        if count >= last.count:
            return last.visit, math.ceil(last.depth * count / last.count)
        upper = next(place for place, parameter in enumerate(self.by_count) if parameter.count >= count)
        low, high = self.by_count[upper - 1], self.by_count[upper]
        share = math.log(count / low.count) / math.log(high.count / low.count)
        depth = low.depth * (high.depth / low.depth) ** share
        return low.visit + share * (high.visit - low.visit), math.ceil(max(depth, count))

    @property
    def count_max(self) -> int:
        """The largest count that was calibrated."""
        return self.by_count[-1].count

    def document(self) -> Sequence[Sequence[float]]:
        """JSON for a segment's parameters."""
        return [[parameter.count, parameter.visit, parameter.depth] for parameter in self.by_count]

    @staticmethod
    def parse(parameters: Mapping[str, Any], name: str) -> SearchParameterTable:
        """Read `document` back from parameters[name]. Raises Corrupted."""
        return SearchParameterTable(
            parse_table(
                parameters,
                name,
                lambda count, visit, depth: SearchParameters(int(count), float(visit), int(depth)),
                lambda parameter: 1 <= parameter.count <= parameter.depth,
            )
        )


def parameters_by_recall(parameters: Mapping[str, Any]) -> ByRecall[SearchParameterTable]:
    """The usual ones (`plain`), and those of any recall (`plain_levels`). Raises Corrupted."""
    table = SearchParameterTable.parse(parameters, "plain")
    counts = [parameter.count for parameter in table.by_count]
    return by_recall(parameters, PLAIN_LEVELS, table, counts, _table_of)


def _table_of(rows: Sequence[Row]) -> SearchParameterTable:
    return SearchParameterTable(
        tuple(SearchParameters(count, visit, max(count, math.ceil(depth))) for count, visit, depth in rows)
    )
