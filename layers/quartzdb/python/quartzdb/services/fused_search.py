"""Searching by words, by sparse vectors and by several parts at once: what every shard says becomes one ranking.

All shards are asked at one moment: their statistics are summed before any of them is scored, so a record's score does
not depend on where it lies; and each part is put into one order before parts are fused, since a rank is one among all.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np

from quartzdb.domain.filter import Filter
from quartzdb.domain.fusion import RRF, Fusion, PartRank, QueryPart, fused
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.rank import RankPlace
from quartzdb.domain.record import Match, ShownRecord
from quartzdb.domain.text_query import SparseQuery, TextQuery
from quartzdb.domain.vector import Vector
from quartzdb.services.consistency import Consistency
from quartzdb.services.query_rules import parts_of
from quartzdb.services.record_rules import check_vector, record_not_found
from quartzdb.services.shard_answers import work_together
from quartzdb.services.shard_reads import OneMoment, ShardReads
from quartzdb.storage.index.candidates import (
    Candidate,
    Candidates,
    Cut,
    by_sparse,
    by_text,
    by_vector,
    shown_at,
)
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.query import SearchWork
from quartzdb.storage.index.text.text_statistics import TextStatistics
from quartzdb.storage.index.text_search import statistics
from quartzdb.storage.index.view import View

FUSED_DEPTH = 100
"""How many of each part are fused at least. Measured: docs/text-search.md."""
PAGED_FUSED_DEPTH = 1_000
"""The same where pages are asked for: each page is cut from the same fused ranking."""

Where = tuple[Namespace, int, int]
"""A record's shard, and its source and row there."""


class FusedPage(NamedTuple):
    """Matches in order, whether there are more, and what it took."""

    matches: Sequence[Match]
    more: bool
    work: SearchWork


@dataclass(frozen=True, slots=True, eq=False)
class FusedQuestion:
    """A question that was checked, with at least one part. `id`: of the record whose vector is asked for.

    `after`: only what comes after that place; `paged`: whether it is told if there are more. `field` is where the
    question stands in the request.
    """

    top_k: int
    shown: Shown
    vector: Vector | None = None
    id: str | None = None
    text: TextQuery | None = None
    sparse: SparseQuery | None = None
    fusion: Fusion = RRF
    condition: Filter | None = None
    recall: float | None = None
    min_score: float | None = None
    after: RankPlace | None = None
    paged: bool = False
    field: str = ""

    @property
    def parts(self) -> Sequence[QueryPart]:
        """What is asked for."""
        return parts_of(self.vector, self.id, self.text, self.sparse)

    @property
    def cut(self) -> Cut:
        """How much of each part is put into order."""
        if len(self.parts) == 1:
            return Cut(self.top_k + 1 if self.paged else self.top_k, self.after)
        return Cut(PAGED_FUSED_DEPTH if self.paged else max(self.top_k, FUSED_DEPTH))


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is known of a question before it is scored: its vector, and the statistics of the whole namespace."""

    vector: Vector | None = None
    statistics: TextStatistics = field(default_factory=TextStatistics)


class FusedSearch:
    """One instance serves every namespace."""

    def __init__(self, shards: ShardReads) -> None:
        self._shards = shards

    def answers(
        self, namespace: Namespace, questions: Sequence[FusedQuestion], consistency: Consistency
    ) -> Sequence[FusedPage]:
        """The answers to several questions, of one moment. Raises RecordNotFound, InvalidArgument, AnswerTooLarge."""

        def answer(moment: OneMoment) -> Sequence[FusedPage]:
            known = _known(namespace, moment, questions)
            found = moment.each(
                lambda _, view: [
                    _candidates(view, one, of_one) for one, of_one in zip(questions, known, strict=True)
                ]
            )
            return [
                _page(moment, namespace.each_shard, one, [of_shard[position] for of_shard in found])
                for position, one in enumerate(questions)
            ]

        return self._shards.at_one_moment(namespace.each_shard, answer, consistency)


def _known(namespace: Namespace, moment: OneMoment, questions: Sequence[FusedQuestion]) -> Sequence[_Known]:
    """Of each question, as all shards together have it."""
    named = namespace.by_shard({one.id for one in questions if one.id is not None})
    if not named and not any(one.text is not None for one in questions):
        return [_Known(one.vector) for one in questions]

    def look(shard: Namespace, view: View) -> tuple[list[TextStatistics], dict[str, Vector]]:
        counted = [TextStatistics() if one.text is None else statistics(view, one.text) for one in questions]
        return counted, {name: record.vector for name, record in view.fetch(named.get(shard, ())).items()}

    of_shards = moment.each(look)
    vectors = {name: vector for _, some in of_shards for name, vector in some.items()}
    known = []
    for position, one in enumerate(questions):
        vector = one.vector
        if one.id is not None:
            place = f"{one.field}.id" if one.field else "id"
            if one.id not in vectors:
                raise record_not_found(one.id, place)
            vector = vectors[one.id]
            check_vector(namespace, vector, place)
        total = TextStatistics()
        for counted, _ in of_shards:
            total += counted[position]
        known.append(_Known(vector, total))
    return known


def _candidates(view: View, question: FusedQuestion, known: _Known) -> Mapping[QueryPart, Candidates]:
    """What one shard has for each part."""
    cut = question.cut
    found: dict[QueryPart, Candidates] = {}
    if known.vector is not None:
        found[QueryPart.VECTOR] = by_vector(view, known.vector, question.recall, question.condition, cut)
    if question.text is not None:
        found[QueryPart.TEXT] = by_text(view, question.text, known.statistics, question.condition, cut)
    if question.sparse is not None:
        found[QueryPart.SPARSE] = by_sparse(view, question.sparse, question.condition, cut)
    return found


def _page(
    moment: OneMoment,
    shards: Sequence[Namespace],
    question: FusedQuestion,
    found: Sequence[Mapping[QueryPart, Candidates]],
) -> FusedPage:
    ids: dict[Where, str] = {}
    rankings = {part: _in_all(shards, question, part, found, ids) for part in question.parts}
    if len(rankings) == 1:
        ((part, only),) = rankings.items()
        scored: Mapping[Where, tuple[float, Mapping[QueryPart, PartRank]]] = {
            where: (score, {part: PartRank(rank, score)}) for rank, (where, score) in enumerate(only, 1)
        }
    else:
        scored = fused(rankings, question.fusion)
    placed = sorted((RankPlace(score, ids[where]).sort_key, where) for where, (score, _) in scored.items())
    if question.after is not None:
        placed = [one for one in placed if one[0] > question.after.sort_key]
    if question.min_score is not None:
        placed = [one for one in placed if -one[0][0] >= question.min_score]
    chosen = [where for _, where in placed[: question.top_k]]
    records = _shown(moment, chosen, question.shown)
    scores = [scored[where][0] for where in chosen]
    by_vector_alone = question.parts == [QueryPart.VECTOR]
    metric = shards[0].settings.metric
    distances = (
        metric.distances(np.array(scores, np.float32)).tolist() if by_vector_alone else [-s for s in scores]
    )
    matches = []
    for where, score, distance in zip(chosen, scores, distances, strict=True):
        record_id, version, vector, metadata, expires_at_ms = records[where]
        matches.append(
            Match(record_id, score, distance, version, vector, metadata, expires_at_ms, scored[where][1])
        )
    return FusedPage(matches, len(placed) > question.top_k, _work(found))


def _in_all(
    shards: Sequence[Namespace],
    question: FusedQuestion,
    part: QueryPart,
    found: Sequence[Mapping[QueryPart, Candidates]],
    ids: dict[Where, str],
) -> list[tuple[Where, float]]:
    """The ranking of one part over all shards; `ids` gets those of its records."""
    streams = (
        [(one.place.sort_key, shard, one) for one in of_shard[part].best]
        for shard, of_shard in zip(shards, found, strict=True)
    )
    ranking = []
    merged = heapq.merge(*streams, key=lambda one: one[0])
    for _, shard, candidate in islice(merged, question.cut.most):
        where = _where(shard, candidate)
        ids[where] = candidate.place.id
        ranking.append((where, candidate.place.score))
    return ranking


def _where(shard: Namespace, candidate: Candidate) -> Where:
    return shard, candidate.source, candidate.row


def _shown(moment: OneMoment, chosen: Sequence[Where], shown: Shown) -> dict[Where, ShownRecord]:
    """What is shown of the chosen records."""
    of_shard: dict[Namespace, list[tuple[int, int]]] = {}
    for shard, source, row in chosen:
        of_shard.setdefault(shard, []).append((source, row))
    if not of_shard:
        return {}
    records = moment.each(
        lambda shard, view: (shard, shown_at(view, of_shard[shard], shown)), of=list(of_shard)
    )
    return {(shard, *at): record for shard, some in records for at, record in some.items()}


def _work(found: Sequence[Mapping[QueryPart, Candidates]]) -> SearchWork:
    """Of all parts: records that several of them scored or matched count once, so the part with most tells it."""
    of_parts = [
        work_together([of_shard[part].work for of_shard in found]) for part in (found[0] if found else ())
    ]
    return SearchWork(
        exact=all(one.exact for one in of_parts),
        segments=max(one.segments for one in of_parts),
        rows_scored=max(one.rows_scored for one in of_parts),
        tail_rows=max(one.tail_rows for one in of_parts),
        matches=max(one.matches for one in of_parts),
    )
