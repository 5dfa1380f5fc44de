"""Latencies as DDSketch: quantiles within RELATIVE_ACCURACY, in so few numbers that every hour has one, and mergeable.

Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch", https://www.vldb.org/pvldb/vol12/p2195-masson.pdf.
A sketch is stored as how many values each bin has, so two are merged by adding.
"""

from __future__ import annotations

from collections.abc import Mapping

from ddsketch.ddsketch import BaseDDSketch
from ddsketch.mapping import LogarithmicMapping
from ddsketch.store import DenseStore

RELATIVE_ACCURACY = 0.01
SMALLEST = 0.05
"""Milliseconds below which a value is taken to be none: lines have tenths."""
NONE = "none"
_MAPPING = LogarithmicMapping(RELATIVE_ACCURACY)


def bin_of(value: float) -> str:
    """Which bin a value, not negative, is counted in."""
    return NONE if value < SMALLEST else str(_MAPPING.key(value))


def quantile(bins: Mapping[str, int], of: float) -> float | None:
    """The value below which that share is, within RELATIVE_ACCURACY; None where nothing was counted."""
    store = DenseStore()
    for name, count in bins.items():
        if name != NONE:
            store.add(int(name), count)
    found = BaseDDSketch(_MAPPING, store, DenseStore(), bins.get(NONE, 0)).get_quantile_value(of)
    return None if found is None else float(found)
