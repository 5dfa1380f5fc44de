"""One answer of the answers of several shards. A record is in one shard only, so nothing comes twice."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import islice

from quartzdb.domain.record import Match
from quartzdb.storage.index.query import Found, SearchWork


def found_in_all(found: Sequence[Found], top_k: int) -> Found:
    """The `top_k` best of all, equal scores in id order, and all that it took. Exact where every shard was."""
    if len(found) == 1:
        return found[0]
    best = heapq.merge(*(one.matches for one in found), key=rank_of)
    return Found(list(islice(best, top_k)), work_together([one.work for one in found]))


def ids_in_order(pages: Sequence[Sequence[str]], limit: int) -> list[str]:
    """The first ids of several lists that are in order."""
    return list(islice(heapq.merge(*pages), limit))


def rank_of(match: Match) -> tuple[float, str]:
    """What is less for what comes first."""
    return (-match.score, match.id)


def work_together(searches: Sequence[SearchWork]) -> SearchWork:
    """What several searches took."""
    return SearchWork(
        exact=all(one.exact for one in searches),
        segments=sum(one.segments for one in searches),
        rows_scored=sum(one.rows_scored for one in searches),
        tail_rows=sum(one.tail_rows for one in searches),
        matches=sum(one.matches for one in searches),
    )
