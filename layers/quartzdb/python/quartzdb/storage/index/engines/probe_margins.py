"""Probe margins: how far a filtered search of inverted lists goes on, by results asked for and share of the nearest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from quartzdb.domain.values import dataclass
from quartzdb.storage.index.engines.recall_levels import ByRecall, Row, by_recall, parse_table

FILTERED_LEVELS = "filtered_levels"


@dataclass(frozen=True, slots=True)
class ProbeMargin:
    """How far behind the last of `count` results lists are still visited (`gap`) and rows rescored (`margin`)."""

    count: int
    gap: float
    margin: float


@dataclass(frozen=True, slots=True)
class ProbeMarginTable:
    """Probe margins by ascending count."""

    probe_margins: tuple[ProbeMargin, ...]

    def at(self, count: int) -> tuple[float, float]:
        """(gap, margin) for a count: between entries, linear in the count's logarithm. Beyond the last: every list."""
        first, last = self.probe_margins[0], self.probe_margins[-1]
        if count <= first.count:
            return first.gap, first.margin
        if count >= last.count:
            return math.inf if count > last.count else last.gap, last.margin
        upper = next(
            place for place, probe_margin in enumerate(self.probe_margins) if probe_margin.count >= count
        )
        low, high = self.probe_margins[upper - 1], self.probe_margins[upper]
        share = math.log(count / low.count) / math.log(high.count / low.count)
        return low.gap + share * (high.gap - low.gap), low.margin + share * (high.margin - low.margin)

    def document(self) -> Sequence[Sequence[float]]:
        """JSON for a segment's parameters."""
        return [
            [probe_margin.count, probe_margin.gap, probe_margin.margin] for probe_margin in self.probe_margins
        ]

    @staticmethod
    def parse(parameters: Mapping[str, Any], name: str) -> ProbeMarginTable:
        """Read `document` back from parameters[name]. Raises Corrupted."""
        return ProbeMarginTable(
            parse_table(
                parameters,
                name,
                lambda count, gap, margin: ProbeMargin(int(count), float(gap), float(margin)),
                lambda probe_margin: probe_margin.count >= 1,
            )
        )


def margins_by_recall(parameters: Mapping[str, Any]) -> ByRecall[ProbeMarginTable]:
    """The usual margins (`filtered`), and those of any recall (`filtered_levels`). Raises Corrupted."""
    table = ProbeMarginTable.parse(parameters, "filtered")
    counts = [probe_margin.count for probe_margin in table.probe_margins]
    return by_recall(parameters, FILTERED_LEVELS, table, counts, _table_of)


def _table_of(rows: Sequence[Row]) -> ProbeMarginTable:
    return ProbeMarginTable(tuple(ProbeMargin(*row) for row in rows))
