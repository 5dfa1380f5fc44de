"""The best groups of a ranking: whose records have the same value of a field.

Which groups those are is seen from the best ranked rows; more rows are ranked until enough groups are known, in the end
all of them. Then each group is *completed*: its rows are ranked by themselves, so that its matches are those that a
query for the group alone would give, however few of them were among the best of all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import field

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.grouping import GroupPlace
from quartzdb.domain.limits import PAGED_DEPTH_MAX
from quartzdb.domain.rank import RankPlace
from quartzdb.domain.record import Match
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Rows
from quartzdb.storage.index.group_values import GroupValues
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.query import SearchWork
from quartzdb.storage.index.ranked_page import first_by_rank, matches_at
from quartzdb.storage.index.ranking import RankedRows, Ranking
from quartzdb.storage.index.sources import RowSource, sources_of
from quartzdb.storage.index.view import View

_ROWS_PER_GROUP = 8
_ROWS_MIN = 128
"""How many rows are ranked at first."""
_DEEPER = 4
_EVERYTHING = 1 << 62
_VALUES_FEW = 32
"""Of so many values each group is completed sooner than the best of them are found."""
TOGETHER_MAX = 16_384
"""Groups of up to so many rows are scored to the last one, all at once; of a larger one its best rows are searched."""

_Placed = tuple[RankPlace, int, int]
"""Where a record stands, its source and its row."""


@dataclass(frozen=True, slots=True)
class GroupQuestion:
    """The `groups` best groups after a place, before which there were `depth`; of each the `per_group` best records,
    none worse than `min_score`. Groups whose key is in `excluded` are known already.
    """

    path: str
    groups: int
    per_group: int
    after: GroupPlace | None = None
    depth: int = 0
    min_score: float | None = None
    excluded: Collection[bytes] = ()


@dataclass(frozen=True, slots=True, eq=False)
class FoundGroup:
    """A group, by the key of its value, and its best records in order."""

    key: bytes
    matches: Sequence[Match]

    @property
    def place(self) -> GroupPlace:
        """Where it stands."""
        return GroupPlace(self.matches[0].score, self.matches[0].id, self.key)


@dataclass(frozen=True, slots=True, eq=False)
class FoundGroups:
    """Groups of one view in order. `more`: there are others, all of which come after the last of these."""

    groups: Sequence[FoundGroup]
    more: bool
    work: SearchWork


def groups_of(view: View, ranking: Ranking, question: GroupQuestion, shown: Shown) -> FoundGroups:
    """The best groups of one view. Raises AnswerTooLarge, DeadlineExceeded."""
    search = _Search(view, ranking, question)
    needed = question.groups + 1
    known = set(question.excluded)
    done: list[tuple[GroupPlace, list[_Placed]]] = []
    wanted = max(_ROWS_MIN, _ROWS_PER_GROUP * (question.depth + needed))
    search.rank(wanted)
    while len(done) < needed:
        check_deadline()
        if (few := search.values_of_few()) is not None:
            batch, exhausted = [key for key in few if key not in known], True
        else:
            batch, exhausted = search.leading(known, needed - len(done))
        if batch:
            known.update(batch)
            for key, placed in search.completed(batch).items():
                place = GroupPlace.of(placed[0][0], key)
                if question.after is None or place.sort_key > question.after.sort_key:
                    done.append((place, placed))
        elif exhausted:
            break
        else:
            wanted = wanted * _DEEPER if wanted * _DEEPER <= PAGED_DEPTH_MAX else _EVERYTHING
            search.rank(wanted)
    done.sort(key=lambda one: one[0].sort_key)
    groups = search.shown([(place.key, placed) for place, placed in done[: question.groups]], shown)
    return FoundGroups(groups, len(done) > question.groups, search.work)


def completed_groups(
    view: View, ranking: Ranking, question: GroupQuestion, keys: Sequence[bytes], shown: Shown
) -> FoundGroups:
    """What one view has of some groups: nothing of those that are not here, in no particular order."""
    search = _Search(view, ranking, question)
    groups = search.shown(list(search.completed(keys).items()), shown)
    return FoundGroups(groups, more=False, work=search.work)


@dataclass(slots=True, eq=False)
class _Search:
    """What is known of one view's groups, and what it took to know it."""

    view: View
    ranking: Ranking
    question: GroupQuestion
    sources: Sequence[RowSource] = ()
    values: Sequence[GroupValues] = ()
    ranked: list[RankedRows] = field(default_factory=list)
    rows_scored: int = 0
    tail_rows: int = 0
    _wanted: int = 0
    _completed_exactly: bool = True

    def __post_init__(self) -> None:
        self.sources = sources_of(self.view)
        path = self.question.path
        self.values = [GroupValues(source.occurrences(path)) for source in self.sources]

    @property
    def work(self) -> SearchWork:
        """So far."""
        matches = sum(one.matches for one in self.ranked)
        exact = self._completed_exactly and all(one.exact for one in self.ranked)
        return SearchWork(exact, len(self.view.parts), self.rows_scored, self.tail_rows, matches)

    def rank(self, wanted: int) -> None:
        """Have so many of the best rows of each source, where it has them."""
        self._wanted = wanted
        for number in range(len(self.sources)):
            if number < len(self.ranked) and self.ranked[number].complete:
                continue
            check_deadline()
            ranked = self.ranking.best(number, wanted)
            self._count(number, len(ranked.rows))
            self.ranked[number : number + 1] = [ranked]

    def values_of_few(self) -> list[bytes] | None:
        """Every key that there is at the path, where these are so few that no search has to find them."""
        if sum(values.key_count for values in self.values) > max(_VALUES_FEW, 2 * self.question.groups):
            return None
        return sorted({key for values in self.values for key in values.every_key()})

    def leading(self, known: Collection[bytes], count: int) -> tuple[list[bytes], bool]:
        """The keys of the best groups that are not known, so far as the ranked rows show which these are: `count`, and
        those that may be equal to the last; and whether there is no further group in any row.
        """
        limit = max(self.question.depth + count + len(known), self._wanted // _ROWS_PER_GROUP)
        best: dict[bytes, float] = {}
        floor, exhausted = -np.inf, True
        for ranked, values in zip(self.ranked, self.values, strict=True):
            rows, scores = ranked.rows, ranked.scores
            if not ranked.complete and len(rows):
                # Of what is beyond those that were asked for, something may be missing.
                cut = max(0, len(scores) - self._wanted)
                floor, exhausted = max(floor, float(np.partition(scores, cut)[cut])), False
            least = self.question.min_score
            if least is not None:
                rows, scores = rows[scores >= least], scores[scores >= least]
            of_source = values.best(rows, scores, limit)
            if of_source.beyond is not None:
                floor, exhausted = max(floor, of_source.beyond), False
            for key, score in of_source.by_key.items():
                best[key] = max(score, best.get(key, -np.inf))
        after, least = self.question.after, self.question.min_score
        if least is not None and floor < least:
            exhausted = True
        open_keys = [
            (-score, key)
            for key, score in best.items()
            if key not in known and score > floor and (after is None or score <= after.score)
        ]
        open_keys.sort()
        if not open_keys:
            return [], exhausted
        last = open_keys[min(count, len(open_keys)) - 1][0]
        return [key for score, key in open_keys if score <= last], exhausted

    def completed(self, keys: Sequence[bytes]) -> dict[bytes, list[_Placed]]:
        """The best records of each of these groups, in order; a group without any is left out."""
        found: dict[bytes, list[_Placed]] = {}
        for number, (source, values) in enumerate(zip(self.sources, self.values, strict=True)):
            check_deadline()
            for key, ranked in self._ranked_by_key(number, values.rows_with(keys)).items():
                rows, scores = ranked.rows, ranked.scores
                if self.question.min_score is not None:
                    good = scores >= self.question.min_score
                    rows, scores = rows[good], scores[good]
                self._completed_exactly = self._completed_exactly and ranked.exact
                placed = first_by_rank(source, rows, scores, None, self.question.per_group)
                if placed:
                    found.setdefault(key, []).extend((place, number, row) for place, row in placed)
        for of_group in found.values():
            of_group.sort(key=lambda one: one[0].sort_key)
            del of_group[self.question.per_group :]
        return found

    def shown(self, groups: Sequence[tuple[bytes, list[_Placed]]], shown: Shown) -> list[FoundGroup]:
        """Groups with their records, which are read all at once."""
        matches = iter(
            matches_at(self.view, self.sources, [one for _, placed in groups for one in placed], shown)
        )
        return [FoundGroup(key, [next(matches) for _ in placed]) for key, placed in groups]

    def _ranked_by_key(self, number: int, rows_of: dict[bytes, Rows]) -> dict[bytes, RankedRows]:
        """The ranked rows of each key in one source: of small groups all, at once; of large ones the best."""
        small, together = [], 0
        for key, rows in sorted(rows_of.items(), key=lambda one: len(one[1])):
            if together + len(rows) > TOGETHER_MAX:
                break
            small.append(key)
            together += len(rows)
        ranked: dict[bytes, RankedRows] = {}
        if small:
            rows = np.unique(np.concatenate([rows_of[key] for key in small]))
            whole = self._among(number, rows, len(rows))
            order = np.argsort(whole.rows, kind="stable")
            sorted_rows, scores = whole.rows[order], whole.scores[order]
            for key in small:
                here = np.isin(sorted_rows, rows_of[key], assume_unique=True)
                count = int(np.count_nonzero(here))
                ranked[key] = RankedRows(sorted_rows[here], scores[here], count, whole.exact)
        for key in rows_of.keys() - ranked.keys():
            ranked[key] = self._among(number, rows_of[key], self.question.per_group)
        return ranked

    def _among(self, number: int, rows: Rows, count: int) -> RankedRows:
        ranked = self.ranking.best_among(number, rows, count)
        self._count(number, len(ranked.rows))
        return ranked

    def _count(self, number: int, rows: int) -> None:
        self.rows_scored += rows
        if number == len(self.view.parts):
            self.tail_rows += rows
