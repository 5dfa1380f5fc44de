"""Which rows of one source have which values at a path: what groups are made of, from the field index alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Rows
from quartzdb.storage.index.fields.field_order import NULL_KEY, Occurrences, Ranks


@dataclass(frozen=True, slots=True)
class BestOfValues:
    """The score of the best row of each value, of the best values; `beyond`: that of the best value left out."""

    by_key: dict[bytes, float]
    beyond: float | None


@dataclass(frozen=True, slots=True, eq=False)
class GroupValues:
    """Values, and elements of arrays, each kind with ranks of its own."""

    occurrences: Sequence[Occurrences]

    @property
    def key_count(self) -> int:
        """How many values there may be: null may be counted, and so may one twice that is an element, too."""
        return sum(some.key_count for some in self.occurrences)

    def every_key(self) -> list[bytes]:
        """Each of them but null."""
        found = {key for some in self.occurrences for key in some.keys.at(list(range(some.key_count)))}
        return list(found - {NULL_KEY})

    def best(self, rows: Rows, scores: Floats, limit: int) -> BestOfValues:
        """The `limit` best values of some rows with scores, of each kind; more where scores are equal."""
        by_key: dict[bytes, float] = {}
        beyond: float | None = None
        for some in self.occurrences:
            places, ranks = some.at(rows)
            if not len(ranks):
                continue
            used, best = _best_by_rank(ranks, scores[places], some.key_count)
            if len(used) > limit:
                last = np.partition(best, len(best) - limit)[len(best) - limit]
                left_out = best[best < last]
                if len(left_out):
                    beyond = max(float(left_out.max()), -np.inf if beyond is None else beyond)
                used, best = used[best >= last], best[best >= last]
            for key, score in zip(some.keys.at(used.tolist()), best.tolist(), strict=True):
                by_key[key] = max(score, by_key.get(key, -np.inf))
        return BestOfValues(by_key, beyond)

    def rows_with(self, keys: Sequence[bytes]) -> dict[bytes, Rows]:
        """The rows (m,) of each of these keys, ascending; dead ones, too."""
        found: dict[bytes, list[Rows]] = {key: [] for key in keys}
        for some in self.occurrences:
            for key, rows in _rows_of_kind(some, keys):
                found[key].append(rows)
        return {
            key: np.unique(np.concatenate(parts)) if len(parts) > 1 else parts[0]
            for key, parts in found.items()
            if parts
        }


def _rows_of_kind(some: Occurrences, keys: Sequence[bytes]) -> Iterator[tuple[bytes, Rows]]:
    # Where a key itself is not here, its rank is that of the next greater one.
    ranked = {key: some.keys.rank(key) for key in keys}
    here = {
        key: rank for key, rank in ranked.items() if rank < some.key_count and some.keys.at([rank]) == [key]
    }
    if not here:
        return
    # One pass for all keys; the last place is for rows without a value.
    wanted = np.full(some.key_count + 1, -1, dtype=np.int32)
    wanted[list(here.values())] = np.arange(len(here))
    numbers = wanted.take(some.ranks, mode="clip")
    places = np.flatnonzero(numbers >= 0)
    numbers = numbers[places]
    rows = places if some.rows is None else some.rows[places]
    for number, key in enumerate(here):
        yield key, rows[numbers == number]


def _best_by_rank(ranks: Ranks, scores: Floats, key_count: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """The ranks that come, and the best score of each."""
    if len(ranks) >= key_count // 8:
        best = np.full(key_count, -np.inf, dtype=np.float32)
        np.maximum.at(best, ranks, scores)
        used = np.flatnonzero(best > -np.inf)
        return used, best[used]
    used, places = np.unique(ranks, return_inverse=True)
    best = np.full(len(used), -np.inf, dtype=np.float32)
    np.maximum.at(best, places, scores)
    return used.astype(np.int64), best
