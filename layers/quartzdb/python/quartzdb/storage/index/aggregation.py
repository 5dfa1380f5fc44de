"""Aggregates over a view: each segment, and the tail, is counted by the ranks of its field index; no record is read.

What comes of one source are groups with partial answers, which add up over sources and shards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from quartzdb.domain.aggregate import Aggregate, Aggregated, AggregateRequest, Group, Partial
from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.filter import Filter
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Mask, Rows
from quartzdb.storage.index.fields.field_order import UNRANKED, Occurrences, Ranks
from quartzdb.storage.index.partial_answers import (
    Codes,
    Counts,
    add_by_group,
    add_counts,
    add_without_counting,
    counts_of_few,
    counts_of_many,
    require_few,
)
from quartzdb.storage.index.view import View

_FEW = 16
"""Below this part of all rows, or keys, sorting what there is takes less time than counting through all."""


def tally(view: View, condition: Filter | None, request: AggregateRequest) -> Aggregated:
    """The groups of a view's records. Raises TooManyGroups, DeadlineExceeded."""
    whole = Aggregated()
    for part in view.parts:
        check_deadline()
        fields = part.segment.records.fields
        if condition is None:
            source = _Source(len(part.alive), part.alive_count, fields.occurrences, mask=part.alive)
        else:
            chosen = part.selected(condition)
            source = _Source(
                len(part.alive), chosen.matches, fields.occurrences, mask=chosen.mask, few=chosen.rows
            )
        whole.add(source.tally(request))
        require_few(whole.size)
    if view.tail.alive_count:
        check_deadline()
        mask = view.tail_matching(condition)
        matched = int(np.count_nonzero(mask))
        whole.add(_Source(len(mask), matched, view.tail_fields.occurrences, mask=mask).tally(request))
        require_few(whole.size)
    return whole


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Pairs of a row and what it has: `codes` (m,) are places in a list of keys, `rows` (m,) ascending or not."""

    rows: Rows
    codes: Codes


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """`row_count` rows of which `matched` match: as a mask, or by number, ascending, where they are few."""

    row_count: int
    matched: int
    occurrences: Callable[[str], Sequence[Occurrences]]
    mask: Mask | None = None
    few: Rows | None = None

    def tally(self, request: AggregateRequest) -> Aggregated:
        if not self.matched:
            return Aggregated()
        if not request.group_by:
            return self._of_all(request)
        if len(request.group_by) == 1 and not request.aggregates:
            kinds = self.occurrences(request.group_by[0])
            if len(kinds) == 1:
                return self._counted(kinds[0])
        grouped, keys = self._grouped(request.group_by)
        records = np.bincount(grouped.codes, minlength=len(keys)).tolist()
        result = Aggregated(self.matched, self.matched - _distinct(grouped.rows, self.row_count))
        for key, count in zip(keys, records, strict=True):
            result.groups[key] = Group(count, {})
        for name, aggregate in request.aggregates.items():
            check_deadline()
            partials = self._partials(aggregate, grouped, len(keys))
            for key, one in zip(keys, partials, strict=True):
                result.groups[key].partials[name] = one
        return result

    def _counted(self, some: Occurrences) -> Aggregated:
        """Groups by values of one kind, and nothing but how many records each has."""
        rows, ranks = self._occurring(some)
        counts = self._counts(ranks, some.key_count)
        require_few(len(counts.ranks))
        result = Aggregated(self.matched, self.matched - _distinct(rows, self.row_count))
        keys = some.keys.at(counts.ranks.tolist())
        result.groups = {
            (key,): Group(count) for key, count in zip(keys, counts.counts.tolist(), strict=True)
        }
        return result

    def _of_all(self, request: AggregateRequest) -> Aggregated:
        """One group, of everything: how often each key comes says all that there is to say."""
        group = Group(self.matched)
        ranked: dict[str, list[tuple[Occurrences, Ranks]]] = {}
        counted: dict[tuple[str, int], Counts] = {}
        for name, aggregate in request.aggregates.items():
            check_deadline()
            path = aggregate.path
            if path not in ranked:
                ranked[path] = [(some, self._ranks(some)) for some in self.occurrences(path)]
            partial = group.partials[name] = Partial()
            for kind, (some, ranks) in enumerate(ranked[path]):
                if add_without_counting(partial, aggregate, ranks, some.keys):
                    continue
                if (path, kind) not in counted:
                    counted[path, kind] = self._counts(ranks, some.key_count)
                add_counts(partial, aggregate, counted[path, kind], some.keys)
        return Aggregated(self.matched, groups={(): group})

    def _ranks(self, some: Occurrences) -> Ranks:
        """The ranks that matching rows have, in no particular order."""
        if self.few is not None:
            return some.at(self.few)[1]
        assert self.mask is not None, "rows are listed or flagged"
        ranks = some.ranks
        if self.matched < self.row_count:
            ranks = ranks[self.mask if some.rows is None else self.mask[some.rows]]
        if some.rows is None and len(ranks) and int(ranks.max()) == UNRANKED:
            ranks = ranks[ranks != UNRANKED]
        return ranks

    def _counts(self, ranks: Ranks, key_count: int) -> Counts:
        return counts_of_few(ranks) if len(ranks) < key_count // _FEW else counts_of_many(ranks, key_count)

    def _occurring(self, some: Occurrences) -> tuple[Rows, Ranks]:
        """Matching rows and the ranks that they have, ascending by row."""
        if self.few is not None:
            places, ranks = some.at(self.few)
            return self.few[places], ranks
        assert self.mask is not None, "rows are listed or flagged"
        if some.rows is not None and self.matched == self.row_count:
            return some.rows, some.ranks
        return some.among(self.mask)

    def _grouped(self, paths: Sequence[str]) -> tuple[_Found, list[tuple[bytes, ...]]]:
        """Each matching row with the group that it is in; a row may be in several, and twice in none."""
        found, first = self._values(paths[0])
        if len(paths) == 1:
            return found, [(key,) for key in first]
        other, second = self._values(paths[1])
        mine, theirs = _joined(found.rows, other.rows, self.row_count)
        codes = found.codes[mine] * max(1, len(second)) + other.codes[theirs]
        used, dense = np.unique(codes, return_inverse=True)
        require_few(len(used))
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
            found_rows, ranks = self._occurring(some)
            used, dense = _dense(ranks, some.key_count)
            require_few(len(used))
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
                codes = grouped.codes
                if len(ranks) and int(ranks.max()) == UNRANKED:
                    there = ranks != UNRANKED
                    codes, ranks = codes[there], ranks[there]
            else:
                found_rows, ranks = self._occurring(some)
                mine, theirs = _joined(grouped.rows, found_rows, self.row_count)
                codes, ranks = grouped.codes[mine], ranks[theirs]
            add_by_group(partials, aggregate, codes, ranks, some)
        return partials


def _dense(ranks: Ranks, key_count: int) -> tuple[Codes, Codes]:
    """The ranks that come, ascending, and of each occurrence its place among them."""
    if len(ranks) < key_count // _FEW:
        few, inverse = np.unique(ranks, return_inverse=True)
        return few.astype(np.int64), inverse
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
    if len(left) + len(right) < row_count // _FEW:
        starts = np.searchsorted(right, left, side="left")
        of_left = np.searchsorted(right, left, side="right") - starts
    else:
        counts = np.bincount(right, minlength=row_count)
        of_left = counts[left]
        starts = (np.cumsum(counts) - counts)[left]
    mine = np.repeat(np.arange(len(left)), of_left)
    # Within the run of each left place: 0, 1, …
    within = np.arange(len(mine)) - np.repeat(np.cumsum(of_left) - of_left, of_left)
    return mine, starts[mine] + within


def _distinct(rows: Rows, row_count: int) -> int:
    if len(rows) < row_count // _FEW:
        return len(np.unique(rows))
    seen = np.zeros(row_count, dtype=np.bool_)
    seen[rows] = True
    return int(np.count_nonzero(seen))
