"""Which setting of a database is raced, and what rounds of races come to. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.peers.questions import CONDITIONS, UNFILTERED

TARGETS = (0.95, 0.99)
FILTERED_TARGET = 0.98
KINDS = ("single", "crowd")

Found = Mapping[str, Any]
"""What a sweep found of one setting: setting, recall, qps, count, p50, p95, p99."""


def fastest(sweep: Sequence[Found], target: float) -> Found | None:
    """The fastest setting that reaches the recall, if any: by the median query, which a busy machine disturbs least."""
    good = [found for found in sweep if found["recall"] >= target]
    return min(good, key=lambda found: found["p50"]) if good else None


def fastest_or_best(sweep: Sequence[Found], target: float) -> Found:
    """The same, or else the setting with the highest recall."""
    return fastest(sweep, target) or max(sweep, key=lambda found: (found["recall"], -found["p50"]))


def cases(filters: bool = True) -> dict[str, tuple[str, float]]:
    """What each race is called: its condition, and the recall that is wanted."""
    found = {f"recall {target}": (UNFILTERED, target) for target in TARGETS}
    if filters:
        found |= {name: (name, FILTERED_TARGET) for name in CONDITIONS if name != UNFILTERED}
    return found


def chosen(record: Mapping[str, Any], case: str) -> Found | None:
    """What is raced of a peer in a case; None where there is nothing to race."""
    condition, target = cases()[case]
    sweep = record.get("sweeps", {}).get(condition)
    if not sweep:
        return None
    return fastest_or_best(sweep, target) if condition else fastest(sweep, target)


def to_race(
    records: Mapping[str, Mapping[str, Any]], wanted: Sequence[str], kinds: Sequence[str], rounds: int
) -> Iterator[tuple[int, str, str, str]]:
    """Races (round, case, kind, peer) that have not been run, interleaved: peers take turns in each case."""
    for number in range(rounds):
        for case in wanted:
            for kind in kinds:
                for name, record in records.items():
                    run = record.get("races", {}).get(case, {}).get(kind, [])
                    if len(run) <= number and chosen(record, case) and not refused(record, case, kind):
                        yield number, case, kind, name


def refused(record: Mapping[str, Any], case: str, kind: str) -> str | None:
    """Why a peer takes no part in a race."""
    reasons = record.get("reasons", {})
    reason: str | None = reasons.get("all") or reasons.get(f"{case} {kind}") or reasons.get(case)
    return reason


def middle(record: Mapping[str, Any], case: str, kind: str) -> dict[str, float] | None:
    """The median of the rounds, figure by figure; counts are added up."""
    run = record.get("races", {}).get(case, {}).get(kind)
    if not run:
        return None
    figures = {name: statistics.median(one[name] for one in run) for name in ("qps", "p50", "p95", "p99")}
    return {**figures, "count": sum(one["count"] for one in run)}
