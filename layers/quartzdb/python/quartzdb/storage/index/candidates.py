"""Candidates: the best records of one view by one part of a question, with their ids and where they lie.

Of several parts or shards they can be put into one order, and only what is shown in the end is read further.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.filter import Filter
from quartzdb.domain.rank import RankPlace
from quartzdb.domain.record import ShownRecord
from quartzdb.domain.text_query import SparseQuery, TextQuery
from quartzdb.domain.vector import Vector
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.query import SearchWork
from quartzdb.storage.index.ranked_page import first_by_rank
from quartzdb.storage.index.sources import sources_of
from quartzdb.storage.index.sparse_search import rank_sparse
from quartzdb.storage.index.text.text_statistics import TextStatistics
from quartzdb.storage.index.text_search import RankedHits, rank_text
from quartzdb.storage.index.vector_ranking import VectorRanking
from quartzdb.storage.index.view import View


class Candidate(NamedTuple):
    """A record by its rank in one part, and its source and row in its view."""

    place: RankPlace
    source: int
    row: int


class Candidates(NamedTuple):
    """Some best records in order, and what it took to find them."""

    best: Sequence[Candidate]
    work: SearchWork


class Cut(NamedTuple):
    """Which candidates: at most `most`, those after a place alone."""

    most: int
    after: RankPlace | None = None


def by_vector(
    view: View, query: Vector, recall: float | None, condition: Filter | None, cut: Cut
) -> Candidates:
    """The nearest. Raises DeadlineExceeded."""
    ranking = VectorRanking(view, query, condition, recall)
    found: list[Candidate] = []
    exact, scored, of_tail, matches = True, 0, 0, 0
    for number, source in enumerate(sources_of(view)):
        check_deadline()
        ranked = ranking.best(number, cut.most)
        exact = exact and ranked.exact
        scored += len(ranked.rows)
        matches += ranked.matches
        of_tail = len(ranked.rows) if number == len(view.parts) else 0
        for place, row in first_by_rank(source, ranked.rows, ranked.scores, cut.after, cut.most):
            found.append(Candidate(place, number, row))
    return Candidates(_first(found, cut), SearchWork(exact, len(view.parts), scored, of_tail, matches))


def by_text(
    view: View, query: TextQuery, statistics: TextStatistics, condition: Filter | None, cut: Cut
) -> Candidates:
    """The best by words. `statistics` are those of the whole namespace. Raises InvalidArgument, DeadlineExceeded."""
    # What comes after a place is among all that match.
    top_k = cut.most if cut.after is None else None
    return _of_hits(view, rank_text(view, query, statistics, top_k, condition), cut)


def by_sparse(view: View, query: SparseQuery, condition: Filter | None, cut: Cut) -> Candidates:
    """Those with the greatest products. Raises InvalidArgument, DeadlineExceeded."""
    top_k = cut.most if cut.after is None else None
    return _of_hits(view, rank_sparse(view, query, top_k, condition), cut)


def shown_at(view: View, at: Sequence[tuple[int, int]], shown: Shown) -> dict[tuple[int, int], ShownRecord]:
    """What is shown of some records, by (source, row). Raises AnswerTooLarge."""
    rows_of: dict[int, list[int]] = {}
    for source, row in at:
        rows_of.setdefault(source, []).append(row)
    sources = sources_of(view)
    return {
        (source, row): record
        for source, rows in rows_of.items()
        for row, record in sources[source].shown(rows, shown).items()
    }


def _of_hits(view: View, ranked: RankedHits, cut: Cut) -> Candidates:
    sources = sources_of(view)
    found = [
        Candidate(place, hits.source, row)
        for hits in ranked.hits
        for place, row in first_by_rank(sources[hits.source], hits.rows, hits.scores, cut.after, cut.most)
    ]
    return Candidates(_first(found, cut), ranked.work)


def _first(found: list[Candidate], cut: Cut) -> Sequence[Candidate]:
    found.sort(key=lambda one: one.place.sort_key)
    return found[: cut.most]
