"""Aggregates over a view: each segment, and the tail, is counted by the ranks of its field index; no record is read.

What comes of one source are groups with partial answers, which add up over sources and shards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quartzdb.domain.aggregate import (
    COUNTED,
    Aggregate,
    Aggregated,
    AggregateKind,
    AggregateRequest,
    Group,
    Partial,
)
from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.errors import TooManyGroups
from quartzdb.domain.fieldkey import type_range
from quartzdb.domain.filter import Filter
from quartzdb.domain.limits import GROUPS_MAX
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.fields.field_order import UNRANKED, Occurrences, Ranks
from quartzdb.storage.index.view import View

Codes = npt.NDArray[np.int64]
_TYPES = tuple(type_range(example) for example in (0.0, ""))
"""Where the keys of numbers are, and those of strings."""


def tally(view: View, condition: Filter | None, request: AggregateRequest) -> Aggregated:
    """The groups of a view's records. Raises TooManyGroups, DeadlineExceeded."""
    whole = Aggregated()
    for part in view.parts:
        check_deadline()
        fields = part.segment.records.fields
        found = _Source(part.matching(condition), fields.occurrences).tally(request)
        whole.add(found)
        _require_few(whole.size)
    if view.tail.alive_count:
        check_deadline()
        whole.add(_Source(view.tail_matching(condition), view.tail_fields.occurrences).tally(request))
        _require_few(whole.size)
    return whole


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Pairs of a row and what it has: `codes` (m,) are places in a list of keys, `rows` (m,) ascending or not."""

    rows: Rows
    codes: Codes


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """Rows (n,) of which some match."""

    matching: Mask
    occurrences: Callable[[str], Sequence[Occurrences]]

    def tally(self, request: AggregateRequest) -> Aggregated:
        matched = int(np.count_nonzero(self.matching))
        if not matched:
            return Aggregated()
        grouped, keys = self._grouped(request.group_by)
        records = np.bincount(grouped.codes, minlength=len(keys)).tolist()
        result = Aggregated(matched, matched - _distinct(grouped.rows, len(self.matching)))
        for key, count in zip(keys, records, strict=True):
            result.groups[key] = Group(count, {})
        for name, aggregate in request.aggregates.items():
            check_deadline()
            partials = self._partials(aggregate, grouped, len(keys))
            for key, one in zip(keys, partials, strict=True):
                result.groups[key].partials[name] = one
        return result

    def _grouped(self, paths: Sequence[str]) -> tuple[_Found, list[tuple[bytes, ...]]]:
        """Each matching row with the group that it is in; a row may be in several, and twice in none."""
        if not paths:
            rows = np.flatnonzero(self.matching)
            return _Found(rows, np.zeros(len(rows), dtype=np.int64)), [()]
        found, first = self._values(paths[0])
        if len(paths) == 1:
            return found, [(key,) for key in first]
        other, second = self._values(paths[1])
        mine, theirs = _joined(found.rows, other.rows, len(self.matching))
        codes = found.codes[mine] * max(1, len(second)) + other.codes[theirs]
        used, dense = np.unique(codes, return_inverse=True)
        _require_few(len(used))
        keys: list[tuple[bytes, ...]] = [
            (first[code // len(second)], second[code % len(second)]) for code in used.tolist()
        ]
        return _Found(found.rows[mine], dense), keys

    def _values(self, path: str) -> tuple[_Found, list[bytes]]:
        """Each matching row with each value that it has at a path, by its place among the keys that come."""
        rows: list[Rows] = []
        codes: list[Codes] = []
        keys: list[bytes] = []
        for some in self.occurrences(path):
            found_rows, ranks = some.among(self.matching)
            used, dense = _dense(ranks, some.key_count)
            _require_few(len(used))
            rows.append(found_rows)
            codes.append(dense + len(keys))
            keys += some.keys.at(used.tolist())
        if not keys:
            return _Found(np.empty(0, np.int64), np.empty(0, np.int64)), []
        if len(rows) == 1:
            return _Found(rows[0], codes[0]), keys
        return _merged_kinds(np.concatenate(rows), np.concatenate(codes), keys)

    def _partials(self, aggregate: Aggregate, grouped: _Found, groups: int) -> list[Partial]:
        partials = [Partial() for _ in range(groups)]
        for some in self.occurrences(aggregate.path):
            if some.rows is None:
                ranks = some.ranks[grouped.rows]
                there = ranks != UNRANKED
                codes, ranks = grouped.codes[there], ranks[there]
            else:
                found_rows, ranks = some.among(self.matching)
                mine, theirs = _joined(grouped.rows, found_rows, len(self.matching))
                codes, ranks = grouped.codes[mine], ranks[theirs]
            _add(partials, aggregate, codes, ranks, some)
        return partials


def _dense(ranks: Ranks, key_count: int) -> tuple[Codes, Codes]:
    """The ranks that come, ascending, and of each occurrence its place among them."""
    present = np.zeros(key_count, dtype=np.bool_)
    present[ranks] = True
    used = np.flatnonzero(present)
    places = np.cumsum(present) - 1
    return used, places[ranks]


def _merged_kinds(rows: Rows, codes: Codes, keys: list[bytes]) -> tuple[_Found, list[bytes]]:
    """Values and elements of arrays together: one key for both, and no pair twice."""
    distinct = sorted(set(keys))
    place = {key: number for number, key in enumerate(distinct)}
    renumbered = np.array([place[key] for key in keys], dtype=np.int64)[codes]
    pairs = np.unique(rows * len(distinct) + renumbered)
    return _Found(pairs // len(distinct), pairs % len(distinct)), distinct


def _joined(left: Rows, right: Rows, row_count: int) -> tuple[Codes, Codes]:
    """All pairs of places whose rows are the same; `right` is ascending."""
    counts = np.bincount(right, minlength=row_count)
    starts = np.cumsum(counts) - counts
    of_left = counts[left]
    mine = np.repeat(np.arange(len(left)), of_left)
    # Within the run of each left place: 0, 1, …
    within = np.arange(len(mine)) - np.repeat(np.cumsum(of_left) - of_left, of_left)
    return mine, starts[left[mine]] + within


def _distinct(rows: Rows, row_count: int) -> int:
    seen = np.zeros(row_count, dtype=np.bool_)
    seen[rows] = True
    return int(np.count_nonzero(seen))


def _add(
    partials: Sequence[Partial], aggregate: Aggregate, codes: Codes, ranks: Ranks, some: Occurrences
) -> None:
    """What occurrences add to the groups' partial answers."""
    for one, count in zip(partials, np.bincount(codes, minlength=len(partials)).tolist(), strict=True):
        one.count += count
    kind = aggregate.kind
    if kind is AggregateKind.COUNT or not len(ranks):
        return
    places = ranks.astype(np.int64)  # what numpy counts and takes by without a copy of its own
    if kind in COUNTED:
        _add_counts(partials, codes, places, some)
    elif kind in (AggregateKind.MIN, AggregateKind.MAX):
        _add_extremes(partials, codes, places, some, greatest=kind is AggregateKind.MAX)
    else:
        _add_numbers(partials, codes, places, some, keep=kind is AggregateKind.PERCENTILES)


def _add_counts(partials: Sequence[Partial], codes: Codes, ranks: Codes, some: Occurrences) -> None:
    held = sum(len(one.occurrences) for one in partials)
    for code, of_group in _by_code(codes, ranks):
        counts = np.bincount(of_group, minlength=1)
        used = np.flatnonzero(counts)
        held += len(used)
        _require_few(held)
        counted = partials[code].occurrences
        keys = some.keys.at(used.tolist())
        counted.update(Counter(dict(zip(keys, counts[used].tolist(), strict=True))))


def _add_extremes(
    partials: Sequence[Partial], codes: Codes, ranks: Codes, some: Occurrences, *, greatest: bool
) -> None:
    for number, (low, high) in enumerate(_TYPES):
        first, end = some.keys.rank(low), some.keys.rank(high)
        inside = (ranks >= first) & (ranks < end)
        of_type, groups = ranks[inside], codes[inside]
        if not len(of_type):
            continue
        best = np.full(len(partials), -1 if greatest else UNRANKED, dtype=np.int64)
        (np.maximum if greatest else np.minimum).at(best, groups, of_type)
        there = [(code, rank) for code, rank in enumerate(best.tolist()) if 0 <= rank < UNRANKED]
        for (code, _), key in zip(there, some.keys.at([rank for _, rank in there]), strict=True):
            extreme = Partial()
            (extreme.greatest if greatest else extreme.least)[number] = key
            partials[code].add(extreme)


def _add_numbers(
    partials: Sequence[Partial], codes: Codes, ranks: Codes, some: Occurrences, *, keep: bool
) -> None:
    first, end = (some.keys.rank(key) for key in _TYPES[0])
    inside = (ranks >= first) & (ranks < end)
    ranks, codes = ranks[inside], codes[inside]
    if not len(ranks):
        return
    values = some.keys.numbers()
    if keep:
        for code, of_group in _by_code(codes, ranks):
            counts = np.bincount(of_group)
            used = np.flatnonzero(counts)
            partials[code].values.append((values[used], counts[used]))
        return
    numbers = np.bincount(codes, minlength=len(partials)).tolist()
    totals = np.bincount(codes, weights=values[ranks], minlength=len(partials)).tolist()
    for one, count, total in zip(partials, numbers, totals, strict=True):
        one.numbers += count
        one.total += total


def _by_code(codes: Codes, ranks: Codes) -> list[tuple[int, Codes]]:
    """The ranks of each code that comes."""
    if len(codes) and not codes.any():
        return [(0, ranks)]
    order = np.argsort(codes, kind="stable")
    used, starts = np.unique(codes[order], return_index=True)
    return list(zip(used.tolist(), np.split(ranks[order], starts[1:]), strict=True))


def _require_few(count: int) -> None:
    if count > GROUPS_MAX:
        raise TooManyGroups(GROUPS_MAX)
