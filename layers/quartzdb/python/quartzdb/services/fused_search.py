"""Searching by words, by sparse vectors and by several parts at once: what every shard says becomes one ranking.

All shards are asked at one moment: their statistics are summed before any of them is scored, so a record's score does
not depend on where it lies; and each part is put into one order before parts are fused, since a rank is one among all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from quartzdb.domain.filter import Filter
from quartzdb.domain.fusion import RRF, Fusion, PartRank, QueryPart, fused, shared_ranks
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.rank import RankPlace
from quartzdb.domain.record import Match, ShownRecord
from quartzdb.domain.text_query import SparseQuery, TextQuery
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Vector
from quartzdb.services.consistency import Consistency
from quartzdb.services.query_rules import parts_of
from quartzdb.services.ranked_answers import RankedAnswer, RankedQuestion
from quartzdb.services.record_rules import check_vector, record_not_found
from quartzdb.services.shard_answers import work_together
from quartzdb.services.shard_reads import OneMoment, ShardReads
from quartzdb.storage.index.candidates import (
    Candidates,
    Cut,
    by_sparse,
    by_text,
    by_vector,
    ids_at,
    shown_at,
)
from quartzdb.storage.index.grouping import FoundGroup
from quartzdb.storage.index.hits import Hits, Shown
from quartzdb.storage.index.listed_ranking import ListedRanking
from quartzdb.storage.index.query import SearchWork
from quartzdb.storage.index.ranking import Ranking
from quartzdb.storage.index.sparse_search import rank_sparse
from quartzdb.storage.index.text.text_statistics import TextStatistics
from quartzdb.storage.index.text_search import rank_text, statistics
from quartzdb.storage.index.vector_ranking import VectorRanking
from quartzdb.storage.index.view import View

Read = TypeVar("Read")

FUSED_DEPTH = 100
"""How many of each part are fused at least. Measured: docs/text-search.md."""
PAGED_FUSED_DEPTH = 1_000
"""The same where pages are asked for: each page is cut from the same fused ranking."""

Where = tuple[Namespace, int, int]
"""A record's shard, and its source and row there."""


class FusedPage(NamedTuple):
    """Matches in order, whether there are more, and what it took; `ranked`: what came of a question for that."""

    matches: Sequence[Match]
    more: bool
    work: SearchWork
    ranked: RankedAnswer | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FusedQuestion:
    """A question that was checked, with at least one part. `id`: of the record whose vector is asked for.

    `after`: only what comes after that place; `paged`: whether it is told if there are more. `field` is where the
    question stands in the request. `ranked`: groups, or pages by vector, in the place of plain matches and of pages.
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
    ranked: RankedQuestion[Any] | None = None

    @property
    def parts(self) -> Sequence[QueryPart]:
        """What is asked for."""
        return parts_of(self.vector, self.id, self.text, self.sparse)

    @property
    def cut(self) -> Cut:
        """How much of each part is put into order."""
        if len(self.parts) == 1:
            return Cut(self.top_k + 1 if self.paged else self.top_k, self.after)
        deep = self.paged or self.ranked is not None
        return Cut(PAGED_FUSED_DEPTH if deep else max(self.top_k, FUSED_DEPTH), named=False)


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
                    {} if one.ranked is not None and len(one.parts) == 1 else _candidates(view, one, of_one)
                    for one, of_one in zip(questions, known, strict=True)
                ]
            )
            pages = []
            for position, (one, of_one) in enumerate(zip(questions, known, strict=True)):
                of_shards = [of_shard[position] for of_shard in found]
                if one.ranked is None:
                    pages.append(_page(moment, namespace.each_shard, one, of_shards))
                elif len(one.parts) == 1:
                    pages.append(_ranked_by_one_part(moment, one, of_one))
                else:
                    pages.append(_ranked_by_all(moment, namespace.each_shard, one, of_shards))
            return pages

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
    ids = _Ids(moment)
    scored = _scored(shards, question, found, ids)
    placed = [(where, score) for where, (score, _) in scored.items()]
    if question.after is not None:
        placed = _after(question.after, placed, ids)
    if question.min_score is not None:
        placed = [one for one in placed if one[1] >= question.min_score]
    chosen = [where for where, _ in _in_order(placed, question.top_k, ids)]
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


def _scored(
    shards: Sequence[Namespace],
    question: FusedQuestion,
    found: Sequence[Mapping[QueryPart, Candidates]],
    ids: _Ids,
) -> Mapping[Where, tuple[float, Mapping[QueryPart, PartRank]]]:
    """The score of each record that any part has, and what each part says of it."""
    of_parts = {part: _in_all(shards, part, found, ids) for part in question.parts}
    most = question.cut.most
    if len(of_parts) > 1:
        return fused({part: _as_good(placed, most) for part, placed in of_parts.items()}, question.fusion)
    ((part, only),) = of_parts.items()
    ranking = _in_order(only, most, ids)
    ranks = shared_ranks([score for _, score in ranking])
    return {
        where: (score, {part: PartRank(rank, score)})
        for rank, (where, score) in zip(ranks, ranking, strict=True)
    }


def _ranked_by_one_part(moment: OneMoment, question: FusedQuestion, known: _Known) -> FusedPage:
    """Of everything that matches."""
    condition = question.condition

    def ranking(view: View) -> Ranking:
        if question.text is not None:
            return ListedRanking(rank_text(view, question.text, known.statistics, None, condition).hits)
        if question.sparse is not None:
            return ListedRanking(rank_sparse(view, question.sparse, None, condition).hits)
        assert known.vector is not None, "a question has one part"
        return VectorRanking(view, known.vector, condition, question.recall)

    rankings = dict(moment.each(lambda shard, view: (shard, ranking(view))))
    answer = _ranked(moment, question, rankings)
    if question.parts == [QueryPart.VECTOR]:
        return FusedPage((), more=False, work=answer.work, ranked=answer)
    # Ranks are not known: only the scores of what is shown were put into order.
    return FusedPage((), more=False, work=answer.work, ranked=_without_distances(answer, {}))


def _ranked_by_all(
    moment: OneMoment,
    shards: Sequence[Namespace],
    question: FusedQuestion,
    found: Sequence[Mapping[QueryPart, Candidates]],
) -> FusedPage:
    """Of what is fused: the best of each part."""
    ids = _Ids(moment)
    scored = _scored(shards, question, found, ids)
    ids.read(list(scored))
    listed: dict[Namespace, dict[int, list[tuple[int, float]]]] = {shard: {} for shard in shards}
    for (shard, source, row), (score, _) in scored.items():
        listed[shard].setdefault(source, []).append((row, score))
    rankings: dict[Namespace, Ranking] = {
        shard: ListedRanking(
            Hits(
                source, np.array([row for row, _ in some]), np.array([score for _, score in some], np.float32)
            )
            for source, some in of_sources.items()
        )
        for shard, of_sources in listed.items()
    }
    explained = {ids.known[where]: of_parts for where, (_, of_parts) in scored.items()}
    answer = _ranked(moment, question, rankings)
    return FusedPage((), more=False, work=_work(found), ranked=_without_distances(answer, explained))


def _ranked(
    moment: OneMoment, question: FusedQuestion, rankings: Mapping[Namespace, Ranking]
) -> RankedAnswer:
    asked = question.ranked
    assert asked is not None, "nothing else is ranked"
    numbers = {shard: number for number, shard in enumerate(rankings)}

    def again(use: Callable[[int, View, Ranking], Read]) -> Sequence[Read]:
        return moment.each(lambda shard, view: use(numbers[shard], view, rankings[shard]))

    return asked.together(again(lambda _, view, ranking: asked.of_shard(view, ranking)), again)


def _without_distances(
    answer: RankedAnswer, explained: Mapping[str, Mapping[QueryPart, PartRank]]
) -> RankedAnswer:
    """Of scores that are not by vector alone, and what each part says of a match."""

    def told(matches: Sequence[Match]) -> list[Match]:
        return [one._replace(distance=-one.score, explained=explained.get(one.id, {})) for one in matches]

    groups = answer.groups
    if groups is not None:
        groups = [FoundGroup(group.key, told(group.matches)) for group in groups]
    return replace(answer, matches=told(answer.matches), groups=groups)


def _in_all(
    shards: Sequence[Namespace],
    part: QueryPart,
    found: Sequence[Mapping[QueryPart, Candidates]],
    ids: _Ids,
) -> list[tuple[Where, float]]:
    """What all shards have for one part."""
    placed = []
    for shard, of_shard in zip(shards, found, strict=True):
        for one in of_shard[part].best:
            where = (shard, one.source, one.row)
            placed.append((where, one.score))
            if one.id is not None:
                ids.known[where] = one.id
    return placed


class _Ids:
    """Ids of candidates. Equal scores are in the order of ids, and nothing else is: so those alone are read."""

    def __init__(self, moment: OneMoment) -> None:
        self.known: dict[Where, str] = {}
        self._moment = moment

    def read(self, wanted: Iterable[Where]) -> None:
        """Have these known."""
        of_shard: dict[Namespace, list[tuple[int, int]]] = {}
        for where in wanted:
            if where not in self.known:
                of_shard.setdefault(where[0], []).append(where[1:])
        if of_shard:
            some = self._moment.each(
                lambda shard, view: (shard, ids_at(view, of_shard[shard])), of=list(of_shard)
            )
            self.known |= {(shard, *at): one for shard, read in some for at, one in read.items()}


def _tied(placed: list[tuple[Where, float]], most: int) -> list[Where]:
    """Those of which ids say what comes first, among the first `most`."""
    placed.sort(key=lambda one: -one[1])
    tied: list[Where] = []
    start = 0
    while start < min(most, len(placed)):
        end = start + 1
        while end < len(placed) and placed[end][1] == placed[start][1]:
            end += 1
        if end > start + 1:
            tied += [where for where, _ in placed[start:end]]
        start = end
    return tied


def _as_good(placed: list[tuple[Where, float]], most: int) -> list[tuple[Where, float]]:
    """The best `most`, best first, and those that are as good as the last of them: equals share a rank."""
    placed.sort(key=lambda one: -one[1])
    if len(placed) <= most:
        return placed
    return [one for one in placed if one[1] >= placed[most - 1][1]]


def _in_order(placed: list[tuple[Where, float]], most: int, ids: _Ids) -> list[tuple[Where, float]]:
    """The first `most`: by score, equals by id."""
    ids.read(_tied(placed, most))
    placed.sort(key=lambda one: (-one[1], ids.known.get(one[0], "")))
    return placed[:most]


def _after(place: RankPlace, placed: Sequence[tuple[Where, float]], ids: _Ids) -> list[tuple[Where, float]]:
    """What comes after a place."""
    equal = [where for where, score in placed if score == place.score]
    ids.read(equal)
    return [
        (where, score)
        for where, score in placed
        if score < place.score or (score == place.score and ids.known[where] > place.id)
    ]


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
