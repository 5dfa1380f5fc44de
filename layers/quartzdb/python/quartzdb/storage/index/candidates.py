"""Candidates: the best records of one view by one part of a question, and where they lie.

Of several parts or shards they can be put into one order, and only what is shown in the end is read further. Ids, too,
are read only where they decide: those of a hundred candidates of each part would be most of what a cold reader fetches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from quartzdb.domain.deadline import check_deadline
from quartzdb.domain.filter import Filter
from quartzdb.domain.rank import RankPlace
from quartzdb.domain.record import ShownRecord
from quartzdb.domain.text_query import SparseQuery, TextQuery
from quartzdb.domain.vector import Floats, Rows, Vector
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.query import SearchWork
from quartzdb.storage.index.ranked_page import first_by_rank
from quartzdb.storage.index.sources import RowSource, sources_of
from quartzdb.storage.index.sparse_search import rank_sparse
from quartzdb.storage.index.text.text_statistics import TextStatistics
from quartzdb.storage.index.text_search import RankedHits, rank_text
from quartzdb.storage.index.vector_ranking import VectorRanking
from quartzdb.storage.index.view import View


class Candidate(NamedTuple):
    """A record by its score in one part, and its source and row in its view. `id` is None where it was not read."""

    score: float
    id: str | None
    source: int
    row: int


class Candidates(NamedTuple):
    """Some best records, and what it took to find them."""

    best: Sequence[Candidate]
    work: SearchWork


class Cut(NamedTuple):
    """Which candidates: the best `most`, those after a place alone, in order and with their ids; or, where they are not
    `named`, in no order, and those that are as good as the last of them, too.
    """

    most: int
    after: RankPlace | None = None
    named: bool = True


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
        found += _of_source(number, source, ranked.rows, ranked.scores, cut)
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
        candidate
        for hits in ranked.hits
        for candidate in _of_source(hits.source, sources[hits.source], hits.rows, hits.scores, cut)
    ]
    return Candidates(_first(found, cut), ranked.work)


def ids_at(view: View, at: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """The ids of some records, by (source, row)."""
    rows_of: dict[int, list[int]] = {}
    for source, row in at:
        rows_of.setdefault(source, []).append(row)
    sources = sources_of(view)
    return {
        (source, row): record_id
        for source, rows in rows_of.items()
        for row, record_id in sources[source].ids(np.array(rows, dtype=np.int64)).items()
    }


def _of_source(number: int, source: RowSource, rows: Rows, scores: Floats, cut: Cut) -> Sequence[Candidate]:
    if cut.named:
        first = first_by_rank(source, rows, scores, cut.after, cut.most)
        return [Candidate(place.score, place.id, number, row) for place, row in first]
    if len(rows) > cut.most:
        good = scores >= np.partition(scores, len(scores) - cut.most)[len(scores) - cut.most]
        rows, scores = rows[good], scores[good]
    return [
        Candidate(score, None, number, row) for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
    ]


def _first(found: list[Candidate], cut: Cut) -> Sequence[Candidate]:
    if cut.named:
        found.sort(key=lambda one: (-one.score, one.id))
        return found[: cut.most]
    found.sort(key=lambda one: -one.score)
    return [one for one in found if one.score >= found[min(cut.most, len(found)) - 1].score]
