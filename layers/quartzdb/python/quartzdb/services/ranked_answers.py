"""What is made of a ranking for an answer, shard by shard: a page of it, or groups; whatever it ranks by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from quartzdb.domain.grouping import GroupBy
from quartzdb.domain.record import Match
from quartzdb.domain.values import dataclass
from quartzdb.services.query_groups import GroupWalk, groups_in_all
from quartzdb.services.query_pages import Walk, page_in_all
from quartzdb.storage.index.grouping import (
    FoundGroup,
    FoundGroups,
    GroupQuestion,
    completed_groups,
    groups_of,
)
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.query import SearchWork
from quartzdb.storage.index.ranked_page import PageQuestion, RankedPage, page_of
from quartzdb.storage.index.ranking import Ranking
from quartzdb.storage.index.view import View

OfShard = TypeVar("OfShard")
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, eq=False)
class RankedAnswer:
    """Matches or groups, best first; where the next page begins, if there is one."""

    work: SearchWork
    matches: Sequence[Match] = ()
    groups: Sequence[FoundGroup] | None = None
    cursor: str | None = None


class AskAgain(Protocol):
    """Reads every shard once more, in the order in which it was read, as it was then or a little later."""

    def __call__(self, use: Callable[[int, View, Ranking], Read], /) -> Sequence[Read]: ...


class RankedQuestion(Protocol[OfShard]):
    """What is asked for."""

    def of_shard(self, view: View, ranking: Ranking) -> OfShard:
        """What one shard has."""
        ...

    def together(self, of_shards: Sequence[OfShard], again: AskAgain) -> RankedAnswer:
        """The answer that all shards give."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PagedQuestion:
    """A page of matches."""

    walk: Walk
    top_k: int
    min_score: float | None
    shown: Shown

    def of_shard(self, view: View, ranking: Ranking) -> RankedPage:
        page = PageQuestion(self.top_k, self.walk.after, self.walk.depth, self.min_score)
        return page_of(view, ranking, page, self.shown)

    def together(self, of_shards: Sequence[RankedPage], again: AskAgain) -> RankedAnswer:
        del again
        found, more = page_in_all(of_shards, self.top_k)
        return RankedAnswer(
            found.work, found.matches, cursor=self.walk.cursor(found.matches) if more else None
        )


@dataclass(frozen=True, slots=True, eq=False)
class GroupedQuestion:
    """A page of groups. `distinct`: of each only its best record, as plain matches without repeats."""

    walk: GroupWalk
    group_by: GroupBy
    min_score: float | None
    shown: Shown
    paged: bool = False
    distinct: bool = False

    def of_shard(self, view: View, ranking: Ranking) -> FoundGroups:
        return groups_of(view, ranking, self._question(), self.shown)

    def together(self, of_shards: Sequence[FoundGroups], again: AskAgain) -> RankedAnswer:
        found = groups_in_all(
            self.walk.after,
            of_shards,
            lambda known: again(
                lambda _, view, ranking: groups_of(view, ranking, self._question(known), self.shown)
            ),
            lambda keys: again(
                lambda number, view, ranking: completed_groups(
                    view, ranking, self._question(), keys[number], self.shown
                )
            ),
            groups=self.group_by.groups,
            per_group=self.group_by.per_group,
        )
        cursor = None
        if self.paged and found.more:
            cursor = self.walk.cursor(found.groups, distinct=self.distinct)
        if not self.distinct:
            return RankedAnswer(found.work, groups=found.groups, cursor=cursor)
        best = {group.matches[0].id: group.matches[0] for group in found.groups}
        return RankedAnswer(found.work, list(best.values()), cursor=cursor)

    def _question(self, known: Collection[bytes] = ()) -> GroupQuestion:
        return GroupQuestion(
            self.group_by.path,
            # One more, to see whether there is one.
            self.group_by.groups + 1,
            self.group_by.per_group,
            self.walk.after,
            self.walk.depth,
            self.min_score,
            known,
        )
