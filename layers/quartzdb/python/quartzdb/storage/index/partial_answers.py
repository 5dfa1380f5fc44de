"""What occurrences of a field's values give for one aggregate: of all together, or of each group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quartzdb.domain.aggregate import COUNTED, Aggregate, AggregateKind, Partial
from quartzdb.domain.errors import TooManyGroups
from quartzdb.domain.fieldkey import type_range
from quartzdb.domain.limits import GROUPS_MAX
from quartzdb.storage.index.fields.field_order import UNRANKED, Occurrences, RankedKeys, Ranks

Codes = npt.NDArray[np.int64]
_TYPES = tuple(type_range(example) for example in (0.0, ""))
"""Where the keys of numbers are, and those of strings."""


class Counts(NamedTuple):
    """How often each rank comes: the ranks that come (m,), ascending, and their counts (m,)."""

    ranks: Codes
    counts: Codes

    def within(self, first: int, end: int) -> Counts:
        """Those of the ranks first … end-1."""
        low, high = np.searchsorted(self.ranks, (first, end)).tolist()
        return Counts(self.ranks[low:high], self.counts[low:high])


def counts_of_few(ranks: Ranks) -> Counts:
    """By sorting them."""
    used, counts = np.unique(ranks, return_counts=True)
    return Counts(used.astype(np.int64), counts.astype(np.int64))


def counts_of_many(ranks: Ranks, key_count: int) -> Counts:
    """In one pass."""
    every = np.bincount(ranks, minlength=key_count)
    used = np.flatnonzero(every)
    return Counts(used, every if len(used) == key_count else every[used])


def add_without_counting(partial: Partial, aggregate: Aggregate, ranks: Ranks, keys: RankedKeys) -> bool:
    """What all occurrences add to a partial answer, by their ranks (m,), where that can be said without counting how
    often each comes; whether it could.
    """
    kind = aggregate.kind
    if kind is AggregateKind.COUNT or not len(ranks):
        partial.count += len(ranks)
        return True
    first, end = (keys.rank(key) for key in _TYPES[0])
    least, greatest = int(ranks.min()), int(ranks.max())
    if kind in COUNTED or kind is AggregateKind.PERCENTILES or not first <= least <= greatest < end:
        return False
    # Numbers alone.
    partial.count += len(ranks)
    if kind in (AggregateKind.MIN, AggregateKind.MAX):
        extreme = Partial()
        extreme.least[0], extreme.greatest[0] = keys.at([least, greatest])
        partial.add(extreme)
    else:
        partial.numbers += len(ranks)
        partial.total += float(keys.numbers().take(ranks).sum())
    return True


def add_counts(partial: Partial, aggregate: Aggregate, counts: Counts, keys: RankedKeys) -> None:
    """What all occurrences add to a partial answer."""
    partial.count += int(counts.counts.sum())
    kind = aggregate.kind
    if kind is AggregateKind.COUNT or not len(counts.ranks):
        return
    if kind in COUNTED:
        require_few(len(partial.occurrences) + len(counts.ranks))
        found = zip(keys.at(counts.ranks.tolist()), counts.counts.tolist(), strict=True)
        partial.occurrences.update(Counter(dict(found)))
    elif kind in (AggregateKind.MIN, AggregateKind.MAX):
        for number, (low, high) in enumerate(_TYPES):
            of_type = counts.within(keys.rank(low), keys.rank(high)).ranks
            if len(of_type):
                extreme, greatest = Partial(), kind is AggregateKind.MAX
                (key,) = keys.at([int(of_type[-1 if greatest else 0])])
                (extreme.greatest if greatest else extreme.least)[number] = key
                partial.add(extreme)
    else:
        numbers = counts.within(*(keys.rank(key) for key in _TYPES[0]))
        if not len(numbers.ranks):
            return
        values = keys.numbers()[numbers.ranks]
        if kind is AggregateKind.PERCENTILES:
            partial.values.append((values, numbers.counts))
        else:
            partial.numbers += int(numbers.counts.sum())
            partial.total += float(values @ numbers.counts)


def add_by_group(
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
        _add_counts_by_group(partials, codes, places, some)
    elif kind in (AggregateKind.MIN, AggregateKind.MAX):
        _add_extremes(partials, codes, places, some, greatest=kind is AggregateKind.MAX)
    else:
        _add_numbers(partials, codes, places, some, keep=kind is AggregateKind.PERCENTILES)


def _add_counts_by_group(partials: Sequence[Partial], codes: Codes, ranks: Codes, some: Occurrences) -> None:
    held = sum(len(one.occurrences) for one in partials)
    for code, of_group in _by_code(codes, ranks):
        counts = np.bincount(of_group, minlength=1)
        used = np.flatnonzero(counts)
        held += len(used)
        require_few(held)
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


def require_few(count: int) -> None:
    """Raises TooManyGroups."""
    if count > GROUPS_MAX:
        raise TooManyGroups(GROUPS_MAX)
