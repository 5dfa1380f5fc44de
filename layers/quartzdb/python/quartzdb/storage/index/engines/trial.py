"""What came of searching for all sample queries with every search parameter, and which follow: the cheapest that do.

Costs are computed and not timed, so that builds repeat.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from quartzdb.domain.recall import RECALL_TARGETS
from quartzdb.domain.values import dataclass
from quartzdb.storage.index.engines.recall_levels import LEVELS, Level, measurable
from quartzdb.storage.index.engines.search_parameters import SearchParameters


@dataclass(frozen=True, slots=True)
class Trial:
    """How `count` results fared on all sample queries.

    `found` (spends, depths + 1): how many good rows were among the first so many that each spend ranked. Spends come
    in ascending order, `visits` has what each means to the engine, and `wanted` how many good rows there were.
    """

    count: int
    found: npt.NDArray[np.int64]
    wanted: int
    visits: Sequence[float]

    def choose(
        self, cost: Callable[[int, int], float], cost_max: float
    ) -> tuple[SearchParameters | None, Sequence[Level]]:
        """The cheapest search parameters that reach the usual target, if any do, and those of levels reached.

        `cost` is that of a spend's number and a depth. From level to level neither falls, so that a higher recall
        never looks at less; and above the usual one, whatever costs as much as `cost_max`, a scan, is left to that.
        """
        target = RECALL_TARGETS[self.count]
        spends, depths = len(self.visits), self.found.shape[1] - 1
        usual = self._cheapest(cost, target, range(spends), (self.count, depths))
        anchor = usual or (spends - 1, depths)
        chosen: dict[float, tuple[int, int]] = {} if usual is None else {target: usual}
        number, depth = anchor
        for level in sorted((level for level in LEVELS if level < target), reverse=True):
            found = self._cheapest(cost, level, range(number + 1), (self.count, depth))
            if found is not None:
                number, depth = chosen[level] = found
        number, depth = anchor
        for level in () if usual is None else measurable(self.wanted):
            if level > target:
                found = self._cheapest(cost, level, range(number, spends), (depth, depths))
                if found is None or cost(*found) >= cost_max:
                    break
                number, depth = chosen[level] = found
        levels = [
            Level(self.count, level, self.visits[number], depth)
            for level, (number, depth) in sorted(chosen.items())
        ]
        return None if usual is None else SearchParameters(
            self.count, self.visits[usual[0]], usual[1]
        ), levels

    def _cheapest(
        self,
        cost: Callable[[int, int], float],
        recall: float,
        spends: range,
        depths: tuple[int, int],
    ) -> tuple[int, int] | None:
        """The cheapest of these spends and depths (least and most) that reach the recall."""
        needed = math.ceil(recall * self.wanted)
        options = [
            (cost(number, depth), number, depth)
            for number in spends
            if self.found[number, -1] >= needed
            and (depth := max(depths[0], int(np.searchsorted(self.found[number], needed)))) <= depths[1]
        ]
        return min(options)[1:] if options else None
