"""Aggregates over the records that a filter accepts: what may be asked, and what comes of several partial answers.

A record counts for each value that it has at a path, and for each element of an array there; null is no value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from quartzdb.domain.errors import InvalidArgument, TooLarge
from quartzdb.domain.fieldkey import decode
from quartzdb.domain.limits import (
    AGGREGATES_MAX,
    GROUP_FIELDS_MAX,
    GROUPS_SHOWN_MAX,
    PERCENTILES_MAX,
    TOP_VALUES_MAX,
)
from quartzdb.domain.metadata import PATH_CHARACTERS_MAX, is_path
from quartzdb.domain.values import dataclass


class AggregateKind(StrEnum):
    """What is made of a field's values."""

    COUNT = "count"
    """How many there are."""
    DISTINCT = "distinct"
    """How many different ones."""
    MIN = "min"
    """The least number; the least string where there are no numbers."""
    MAX = "max"
    SUM = "sum"
    """Of the numbers, as a double-precision float."""
    AVERAGE = "average"
    PERCENTILES = "percentiles"
    """Of the numbers, exact: each is a number that is there (nearest rank)."""
    TOP = "top"
    """The values that come most often, with how often; equals in the order of values."""


NUMERIC = frozenset({AggregateKind.SUM, AggregateKind.AVERAGE})
COUNTED = frozenset({AggregateKind.DISTINCT, AggregateKind.TOP})


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One of them, over the values at a path. `percentiles`: 0 to 100. `limit`: of TOP."""

    kind: AggregateKind
    path: str
    percentiles: tuple[float, ...] = ()
    limit: int = 10


@dataclass(frozen=True, slots=True)
class AggregateRequest:
    """Aggregates by name, for all records, or for each combination of the values of up to two fields."""

    aggregates: Mapping[str, Aggregate]
    group_by: Sequence[str] = ()
    limit: int = 100


@dataclass(slots=True, eq=False)
class Partial:
    """What some records give for one aggregate. Sums of floats are exact to the order in which they are added."""

    count: int = 0
    numbers: int = 0
    total: float = 0.0
    least: dict[int, bytes] = field(default_factory=dict)
    """The least key of each type, numbers and strings."""
    greatest: dict[int, bytes] = field(default_factory=dict)
    occurrences: Counter[bytes] = field(default_factory=Counter)
    values: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]] = field(default_factory=list)
    """Ascending numbers, and how often each comes."""

    def add(self, other: Partial) -> None:
        """Take in what other records give."""
        self.count += other.count
        self.numbers += other.numbers
        self.total += other.total
        for mine, theirs, better in ((self.least, other.least, min), (self.greatest, other.greatest, max)):
            for kind, key in theirs.items():
                mine[kind] = better(mine[kind], key) if kind in mine else key
        self.occurrences.update(other.occurrences)
        self.values += other.values


@dataclass(slots=True, eq=False)
class Group:
    """The records that have these values, by their keys."""

    records: int = 0
    partials: dict[str, Partial] = field(default_factory=dict)

    def add(self, other: Group) -> None:
        """Take in the records of another source."""
        self.records += other.records
        for name, partial in other.partials.items():
            self.partials.setdefault(name, Partial()).add(partial)


Groups = dict[tuple[bytes, ...], Group]


@dataclass(slots=True, eq=False)
class Aggregated:
    """Groups of one source or of several; `matched` records, of which `missing` have no value of some group field."""

    matched: int = 0
    missing: int = 0
    groups: Groups = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Groups and different values that it holds: what there may be a limited number of."""
        values = sum(
            len(one.occurrences) for group in self.groups.values() for one in group.partials.values()
        )
        return len(self.groups) + values

    def add(self, other: Aggregated) -> None:
        """Take in another source. No record is in two."""
        self.matched += other.matched
        self.missing += other.missing
        for key, group in other.groups.items():
            self.groups.setdefault(key, Group()).add(group)


def check_aggregates(request: AggregateRequest) -> None:
    """Raises InvalidArgument, TooLarge for what cannot be asked."""
    if len(request.group_by) > GROUP_FIELDS_MAX or len(set(request.group_by)) < len(request.group_by):
        raise InvalidArgument(
            f"Records are grouped by at most {GROUP_FIELDS_MAX} fields, each named once.", field="group_by"
        )
    for position, path in enumerate(request.group_by):
        _check_path(path, f"group_by[{position}]")
    if len(request.aggregates) > AGGREGATES_MAX:
        raise TooLarge(f"At most {AGGREGATES_MAX} aggregates can be asked for at once.", field="aggregates")
    if not 1 <= request.limit <= GROUPS_SHOWN_MAX:
        raise InvalidArgument(
            f"The limit must be 1 to {GROUPS_SHOWN_MAX}, not {request.limit}.", field="limit"
        )
    for name, aggregate in request.aggregates.items():
        where = f"aggregates.{name}"
        _check_path(aggregate.path, f"{where}.field")
        if not 1 <= aggregate.limit <= TOP_VALUES_MAX:
            raise InvalidArgument(f"The limit must be 1 to {TOP_VALUES_MAX}.", field=f"{where}.limit")
        wanted = aggregate.percentiles
        if (aggregate.kind is AggregateKind.PERCENTILES) != bool(wanted) or len(wanted) > PERCENTILES_MAX:
            raise InvalidArgument(
                f"`percentiles` needs 1 to {PERCENTILES_MAX} of them, and no other aggregate takes any.",
                field=f"{where}.percentiles",
                hint='Send {"kind": "percentiles", "field": …, "percentiles": [50, 95, 99]}.',
            )
        if any(not 0 <= one <= 100 for one in wanted):
            raise InvalidArgument("A percentile is 0 to 100.", field=f"{where}.percentiles")


def answer_of(aggregate: Aggregate, partial: Partial) -> object:
    """What is answered, as JSON values; None where there was nothing to make it of."""
    match aggregate.kind:
        case AggregateKind.COUNT:
            return partial.count
        case AggregateKind.DISTINCT:
            return len(partial.occurrences)
        case AggregateKind.MIN:
            return _first(partial.least)
        case AggregateKind.MAX:
            return _first(partial.greatest)
        case AggregateKind.SUM:
            return partial.total
        case AggregateKind.AVERAGE:
            return partial.total / partial.numbers if partial.numbers else None
        case AggregateKind.PERCENTILES:
            return _percentiles(partial, aggregate.percentiles)
        case AggregateKind.TOP:
            often = sorted(partial.occurrences.items(), key=lambda pair: (-pair[1], pair[0]))
            return [{"value": decode(key), "count": count} for key, count in often[: aggregate.limit]]


def groups_in_order(groups: Groups, limit: int) -> list[tuple[tuple[bytes, ...], Group]]:
    """The largest groups; those of one size in the order of their values."""
    return sorted(groups.items(), key=lambda pair: (-pair[1].records, pair[0]))[:limit]


def _first(keys: Mapping[int, bytes]) -> object:
    """Of numbers, or else of strings: their keys' first bytes stand in that order."""
    return decode(keys[min(keys)]) if keys else None


def _percentiles(partial: Partial, wanted: Iterable[float]) -> dict[str, float | None]:
    if not partial.values:
        return {f"{one:g}": None for one in wanted}
    # All others are sorted and go into the largest at once, which is in order already.
    (values, counts), *others = sorted(partial.values, key=lambda one: -len(one[0]))
    if others:
        more = np.concatenate([some for some, _ in others])
        order = np.argsort(more, kind="stable")
        places = np.searchsorted(values, more[order])
        values = np.insert(values, places, more[order])
        counts = np.insert(counts, places, np.concatenate([how_often for _, how_often in others])[order])
    reached = np.cumsum(counts)
    ranks = {one: max(1, int(np.ceil(one / 100 * reached[-1]))) for one in wanted}
    return {f"{one:g}": float(values[int(np.searchsorted(reached, rank))]) for one, rank in ranks.items()}


def _check_path(path: str, where: str) -> None:
    if not is_path(path):
        raise InvalidArgument(f"A field has 1 to {PATH_CHARACTERS_MAX} characters.", field=where)
