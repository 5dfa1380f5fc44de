"""Groups of the answer to a query, over all shards: records of one group lie in several, so what one shard has of a
group is no more than a part of it.

Each shard names its best groups. Of those that it did not name it is asked what it has; then each group is known whole,
and stands where its best record stands. If too few of them come after the cursor, shards are asked for the next ones.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import islice

from quartzdb.domain.cursor import decode_cursor, encode_cursor, not_of_this_listing
from quartzdb.domain.grouping import LAST_KEY, GroupPlace
from quartzdb.domain.record import Match
from quartzdb.domain.values import dataclass
from quartzdb.services.shard_answers import rank_of, work_together
from quartzdb.storage.index.grouping import FoundGroup, FoundGroups
from quartzdb.storage.index.query import SearchWork

NameGroups = Callable[[Collection[bytes]], Sequence[FoundGroups]]
"""The best groups of each shard but those of some keys."""
CompleteGroups = Callable[[Sequence[Sequence[bytes]]], Sequence[FoundGroups]]
"""What each shard has of the groups that it is asked for."""


@dataclass(frozen=True, slots=True)
class GroupWalk:
    """Where in the groups of which question a page begins: after a place, before which there were `depth` groups."""

    name: str
    after: GroupPlace | None = None
    depth: int = 0

    def cursor(self, groups: Sequence[FoundGroup], *, distinct: bool = False) -> str:
        """The cursor of the page after these groups. `distinct`: what has the same best record is not to come again."""
        place = groups[-1].place
        key = LAST_KEY if distinct else place.key
        return encode_cursor(
            self.name, json.dumps([place.score, place.id, key.hex(), self.depth + len(groups)])
        )


def group_walk_at(name: str, cursor: str | None) -> GroupWalk:
    """The walk at a cursor, or at its beginning. Raises InvalidCursor."""
    if cursor is None:
        return GroupWalk(name)
    try:
        match json.loads(decode_cursor(name, cursor)):
            case [float(score), str(record_id), str(key), int(depth)] if depth >= 0:
                return GroupWalk(name, GroupPlace(score, record_id, bytes.fromhex(key)), depth)
    except ValueError:
        pass  # said below
    raise not_of_this_listing()


@dataclass(frozen=True, slots=True, eq=False)
class GroupsInAll:
    """Groups of a whole namespace in order, whether there are more, and what it took."""

    groups: Sequence[FoundGroup]
    more: bool
    work: SearchWork


def groups_in_all(
    after: GroupPlace | None,
    first: Sequence[FoundGroups],
    name_groups: NameGroups,
    complete: CompleteGroups,
    *,
    groups: int,
    per_group: int,
) -> GroupsInAll:
    """The `groups` best of all shards. `first`: what each shard named, one group more than that if it has more."""
    if len(first) == 1:
        only = first[0]
        return GroupsInAll(only.groups[:groups], len(only.groups) > groups, only.work)
    whole: dict[bytes, FoundGroup] = {}
    works = [one.work for one in first]
    named: Sequence[FoundGroups] = first
    while True:
        completed = _missing(named, complete)
        works += [one.work for one in completed]
        whole |= _whole([*named, *completed], per_group)
        later = [one for one in whole.values() if after is None or one.place.sort_key > after.sort_key]
        later.sort(key=lambda one: one.place.sort_key)
        # A group that no shard named comes after the last one that was named where its best record is.
        ends = [one.groups[-1].place.sort_key for one in named if one.more]
        certain = [one for one in later if not ends or one.place.sort_key <= min(ends)]
        if len(certain) > groups or not ends:
            took = replace(work_together(works), matches=sum(one.work.matches for one in first))
            return GroupsInAll(later[:groups], len(later) > groups, took)
        named = name_groups(whole.keys())
        works += [one.work for one in named]


def _missing(named: Sequence[FoundGroups], complete: CompleteGroups) -> Sequence[FoundGroups]:
    """What shards have of groups that only others named."""
    keys = {group.key for of_shard in named for group in of_shard.groups}
    missing = [sorted(keys - {group.key for group in of_shard.groups}) for of_shard in named]
    return complete(missing) if any(missing) else ()


def _whole(parts: Sequence[FoundGroups], per_group: int) -> dict[bytes, FoundGroup]:
    of_key: dict[bytes, list[Sequence[Match]]] = {}
    for part in parts:
        for group in part.groups:
            of_key.setdefault(group.key, []).append(group.matches)
    return {
        key: FoundGroup(key, list(islice(heapq.merge(*some, key=rank_of), per_group)))
        for key, some in of_key.items()
    }
