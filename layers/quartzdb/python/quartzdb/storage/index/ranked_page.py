"""A page of a ranking: the best records after a place.

Of what is scored whole, a page costs the same wherever it is. What an index proposes is asked for as deep as the pages
before it went, and deeper where too little of it comes after the place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.errors import TooDeep
from quartzdb.domain.limits import PAGED_DEPTH_MAX
from quartzdb.domain.rank import RankPlace
from quartzdb.domain.record import Match
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Floats, Rows
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.query import SearchWork
from quartzdb.storage.index.ranking import RankedRows, Ranking
from quartzdb.storage.index.sources import RowSource, sources_of
from quartzdb.storage.index.view import View

_DEEPER = 4
"""How many times as many rows are asked for, where those that came were not enough."""


@dataclass(frozen=True, slots=True, eq=False)
class RankedPage:
    """Matches in order, whether there are more, and what it took."""

    matches: Sequence[Match]
    more: bool
    work: SearchWork


@dataclass(frozen=True, slots=True)
class PageQuestion:
    """Which page: at most `count` records after a place, before which `depth` were answered; no worse than
    `min_score`.
    """

    count: int
    after: RankPlace | None = None
    depth: int = 0
    min_score: float | None = None


def page_of(view: View, ranking: Ranking, page: PageQuestion, shown: Shown) -> RankedPage:
    """The page of one view. Raises TooDeep, AnswerTooLarge, DeadlineExceeded."""
    found: list[tuple[RankPlace, int, int]] = []
    exact, scored, matched, of_tail = True, 0, 0, 0
    sources = sources_of(view)
    for number, source in enumerate(sources):
        check_deadline()
        ranked, chosen = _first_after(ranking, number, source, page)
        matched += ranked.matches
        scored += len(ranked.rows)
        exact = exact and ranked.exact
        if number == len(view.parts):
            of_tail = len(ranked.rows)
        found += [(place, number, row) for place, row in chosen]
    found.sort(key=lambda one: one[0].sort_key)
    work = SearchWork(exact, len(view.parts), scored, of_tail, matched)
    matches = matches_at(view, sources, found[: page.count], shown)
    return RankedPage(matches, len(found) > page.count, work)


def matches_at(
    view: View, sources: Sequence[RowSource], placed: Sequence[tuple[RankPlace, int, int]], shown: Shown
) -> list[Match]:
    """The records at those places, by source and row, in the same order. Raises AnswerTooLarge."""
    rows_of: dict[int, list[int]] = {}
    for _, number, row in placed:
        rows_of.setdefault(number, []).append(row)
    records = {number: sources[number].shown(rows, shown) for number, rows in rows_of.items()}
    distances = view.metric.distances(np.array([place.score for place, _, _ in placed], np.float32)).tolist()
    matches = []
    for (place, number, row), distance in zip(placed, distances, strict=True):
        record_id, version, vector, metadata, expires_at_ms = records[number][row]
        matches.append(Match(record_id, place.score, distance, version, vector, metadata, expires_at_ms))
    return matches


def first_by_rank(
    source: RowSource, rows: Rows, scores: Floats, after: RankPlace | None, limit: int
) -> list[tuple[RankPlace, int]]:
    """The places and rows of the `limit` best that come after a place, in no particular order."""
    chosen: list[int] = []
    if after is not None:
        tied = rows[scores == np.float32(after.score)]
        chosen = source.first_by_id(tied, after.id, limit, descending=False)
        beyond = scores < np.float32(after.score)
        of_chosen = np.full(len(chosen), after.score, np.float32)
        rows, scores = rows[beyond], scores[beyond]
    else:
        of_chosen = np.empty(0, np.float32)
    left = limit - len(chosen)
    if left > 0 and len(rows):
        if len(rows) <= left:
            best, of_best = rows, scores
        else:
            last = np.partition(scores, len(scores) - left)[len(scores) - left]
            better = scores > last
            tied = np.sort(rows[scores == last])
            equals = source.first_by_id(tied, None, left - int(np.count_nonzero(better)), descending=False)
            best = np.concatenate([rows[better], np.array(equals, np.int64)])
            of_best = np.concatenate([scores[better], np.full(len(equals), last, np.float32)])
        chosen = [*chosen, *best.tolist()]
        of_chosen = np.concatenate([of_chosen, of_best])
    ids = source.ids(np.array(chosen, dtype=np.int64))
    return [(RankPlace(score, ids[row]), row) for row, score in zip(chosen, of_chosen.tolist(), strict=True)]


def _first_after(
    ranking: Ranking, number: int, source: RowSource, page: PageQuestion
) -> tuple[RankedRows, list[tuple[RankPlace, int]]]:
    """What a source has for a page, and one record more where there is one."""
    wanted = page.depth + page.count + 1
    while True:
        ranked = ranking.best(number, wanted)
        if not ranked.complete and page.depth + page.count > PAGED_DEPTH_MAX:
            raise TooDeep(PAGED_DEPTH_MAX)
        rows, scores = ranked.rows, ranked.scores
        if page.min_score is not None:
            good = scores >= page.min_score
            rows, scores = rows[good], scores[good]
        chosen = first_by_rank(source, rows, scores, page.after, page.count + 1)
        enough = len(chosen) > page.count or ranked.complete
        # Where some are not good enough, deeper ones are not either.
        if enough or len(rows) < len(ranked.rows):
            return ranked, chosen
        check_deadline()
        wanted *= _DEEPER
