"""Slacks: how far a filtered search of inverted lists goes on, by results asked for and share of the nearest wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quartzdb.storage.index.engines.recall_levels import ByRecall, Row, by_recall, parse_table

FILTERED_LEVELS = "filtered_levels"


@dataclass(frozen=True, slots=True)
class Slack:
    """How far behind the last of `count` results lists are still visited (`gap`) and rows rescored (`margin`)."""

    count: int
    gap: float
    margin: float


@dataclass(frozen=True, slots=True)
class SlackTable:
    """Slacks by ascending count."""

    slacks: tuple[Slack, ...]

    def at(self, count: int) -> tuple[float, float]:
        """(gap, margin) for a count: between entries, linear in the count's logarithm. Beyond the last: every list."""
        first, last = self.slacks[0], self.slacks[-1]
        if count <= first.count:
            return first.gap, first.margin
        if count >= last.count:
            return math.inf if count > last.count else last.gap, last.margin
        upper = next(place for place, slack in enumerate(self.slacks) if slack.count >= count)
        low, high = self.slacks[upper - 1], self.slacks[upper]
        share = math.log(count / low.count) / math.log(high.count / low.count)
        return low.gap + share * (high.gap - low.gap), low.margin + share * (high.margin - low.margin)

    def document(self) -> Sequence[Sequence[float]]:
        """JSON for a segment's parameters."""
        return [[slack.count, slack.gap, slack.margin] for slack in self.slacks]

    @staticmethod
    def parse(parameters: Mapping[str, Any], name: str) -> SlackTable:
        """Read `document` back from parameters[name]. Raises Corrupted."""
        return SlackTable(
            parse_table(
                parameters,
                name,
                lambda count, gap, margin: Slack(int(count), float(gap), float(margin)),
                lambda slack: slack.count >= 1,
            )
        )


def slacks_by_recall(parameters: Mapping[str, Any]) -> ByRecall[SlackTable]:
    """The usual slacks (`filtered`), and those of any recall (`filtered_levels`). Raises Corrupted."""
    table = SlackTable.parse(parameters, "filtered")
    rows = [(slack.count, slack.gap, slack.margin) for slack in table.slacks]
    return by_recall(parameters, FILTERED_LEVELS, table, rows, _table_of)


def _table_of(rows: Sequence[Row]) -> SlackTable:
    return SlackTable(tuple(Slack(*row) for row in rows))
