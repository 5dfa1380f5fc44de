"""Use cases of search: the nearest records to a vector or to a record, one question or many of one moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from quartzdb.domain.answer_budget import AnswerBudget
from quartzdb.domain.errors import InvalidArgument, TooLarge, within_field
from quartzdb.domain.filter import Filter
from quartzdb.domain.limits import QUERIES_MAX, RECALL_MIN, TOP_K_MAX
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.record import Match, Record, check_id
from quartzdb.domain.vector import Vector
from quartzdb.services.consistency import STRONG, Consistency
from quartzdb.services.query_pages import Walk, name_of_walk, page_in_all, walk_at
from quartzdb.services.record_rules import check_vector, record_not_found
from quartzdb.services.shard_answers import found_in_all
from quartzdb.services.shard_reads import ShardReads
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.query import Found, Question, SearchWork, search, search_each
from quartzdb.storage.index.ranked_page import PageQuestion, RankedPage, page_of
from quartzdb.storage.index.vector_ranking import VectorRanking
from quartzdb.storage.index.view import View

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, eq=False)
class QueryRequest:
    """What to search for: a vector, or the id of a record whose vector is the question.

    `recall` is what share of the true nearest the answer shall have: 1 scores every record that matches; without it,
    what each index was calibrated to find by default. `budget` is that of the whole answer: the metadata of matches is
    taken from it. `min_score`: of the best, only those that score at least so. `paged`: the answer has a cursor if
    there are more, and with it the next page is asked for; scores are then those of `storage.index.steady_scores`.
    """

    vector: Vector | None = None
    id: str | None = None
    top_k: int = 10
    condition: Filter | None = None
    include_values: bool = False
    consistency: Consistency = STRONG
    recall: float | None = None
    include_metadata: bool = True
    budget: AnswerBudget | None = None
    min_score: float | None = None
    paged: bool = False
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """Matches, best first, what it took, and how long in milliseconds; where pages were asked for, the next one's."""

    matches: Sequence[Match]
    work: SearchWork
    milliseconds: float
    cursor: str | None = None


class Search:
    """One instance serves every namespace. `timer` gives seconds and is only for the figures in answers."""

    def __init__(self, shards: ShardReads, *, timer: Callable[[], float] = time.perf_counter) -> None:
        self._shards = shards
        self._timer = timer

    def query(self, namespace: Namespace, request: QueryRequest) -> QueryAnswer:
        """The nearest records by the namespace's metric."""
        begun = self._timer()
        check_query(namespace, request)
        if request.paged:
            walk = _walk_of(namespace, request)
            pages = self._of_each_shard(
                namespace, request, lambda view, question: _page(view, question, request, walk)
            )
            return _paged(walk, pages, request, (self._timer() - begun) * 1000)
        found = found_in_all(
            self._of_each_shard(namespace, request, lambda view, question: _search(view, question, request)),
            request.top_k,
        )
        matches = _good_enough(found.matches, request.min_score)
        return QueryAnswer(matches, found.work, (self._timer() - begun) * 1000)

    def query_batch(
        self, namespace: Namespace, requests: Sequence[QueryRequest], consistency: Consistency = STRONG
    ) -> Sequence[QueryAnswer]:
        """The answers to several queries, in order, of one moment: each shard's log is read once for all of them.

        `consistency` is that of all. What is wrong with one fails them all; its field is in `queries[i]`. The time of
        each answer is that of the whole batch.
        """
        begun = self._timer()
        if not 1 <= len(requests) <= QUERIES_MAX:
            raise TooLarge(
                f"A batch has 1 to {QUERIES_MAX} queries, not {len(requests)}.",
                field="queries",
                hint="Split the batch.",
            )
        for position, request in enumerate(requests):
            with within_field(f"queries[{position}]"):
                check_query(namespace, request)
        shards = namespace.each_shard
        # Records that are named by id may lie in other shards than their neighbours: then they are looked up first.
        known = self._vectors_from_any_shard(namespace, requests, consistency) if len(shards) > 1 else None

        walks = {
            position: _walk_of(namespace, one, f"queries[{position}]")
            for position, one in enumerate(requests)
            if one.paged
        }

        def find(_: Namespace, view: View) -> tuple[list[Found], dict[int, RankedPage]]:
            vectors = known or _vectors_of(namespace, requests, view.fetch)
            plain = [
                Question(
                    vector,
                    one.top_k,
                    one.condition,
                    one.include_values,
                    one.recall,
                    one.include_metadata,
                    one.budget,
                )
                for vector, one in zip(vectors, requests, strict=True)
                if not one.paged
            ]
            pages = {
                position: _page(view, vectors[position], requests[position], walk)
                for position, walk in walks.items()
            }
            return search_each(view, plain), pages

        of_shards = self._shards.each(shards, find, consistency)
        milliseconds = (self._timer() - begun) * 1000
        founds = zip(*(found for found, _ in of_shards), strict=True)
        answers = []
        for position, request in enumerate(requests):
            if request.paged:
                pages = [pages[position] for _, pages in of_shards]
                answers.append(_paged(walks[position], pages, request, milliseconds))
                continue
            found = found_in_all(next(founds), request.top_k)
            matches = _good_enough(found.matches, request.min_score)
            answers.append(QueryAnswer(matches, found.work, milliseconds))
        return answers

    def _vectors_from_any_shard(
        self, namespace: Namespace, requests: Sequence[QueryRequest], consistency: Consistency
    ) -> Sequence[Vector]:
        return _vectors_of(
            namespace, requests, lambda ids: self._shards.records(namespace, ids, consistency) if ids else {}
        )

    def _of_each_shard(
        self, namespace: Namespace, request: QueryRequest, ask: Callable[[View, Vector], Read]
    ) -> Sequence[Read]:
        """What each shard says to a question, that of the named record first."""
        if request.vector is not None:
            question = request.vector
            return self._shards.each(
                namespace.each_shard, lambda _, view: ask(view, question), request.consistency
            )
        home = namespace.shard_of(check_id(request.id))
        question, nearest = self._shards.one(
            home, lambda view: _near_record(namespace, request, view, ask), request.consistency
        )
        others = [shard for shard in namespace.each_shard if shard != home]
        if not others:
            return [nearest]
        return [
            nearest,
            *self._shards.each(others, lambda _, view: ask(view, question), request.consistency),
        ]


def check_query(namespace: Namespace, request: QueryRequest) -> None:
    """Raises what is wrong with a query as far as that can be seen from it alone."""
    if not 1 <= request.top_k <= TOP_K_MAX:
        raise InvalidArgument(f"top_k must be 1 to {TOP_K_MAX}, not {request.top_k}.", field="top_k")
    _check_recall(request.recall)
    if (request.vector is None) == (request.id is None):
        raise InvalidArgument(
            "A query needs exactly one of `vector` and `id`.",
            field="vector",
            hint="Send a vector, or the id of a record whose vector is the question.",
        )
    if request.vector is not None:
        check_vector(namespace, request.vector, "vector")
    else:
        check_id(request.id)


def _good_enough(matches: Sequence[Match], min_score: float | None) -> Sequence[Match]:
    if min_score is None:
        return matches
    return [match for match in matches if match.score >= min_score]


def _check_recall(recall: float | None) -> None:
    # What is no number compares as neither.
    if recall is not None and not RECALL_MIN <= recall <= 1.0:
        raise InvalidArgument(
            f"recall must be {RECALL_MIN:g} to 1, not {recall:g}.",
            field="recall",
            hint="It is a share, such as 0.95. Leave it out for the usual one; 1 scores every matching record.",
        )


def _vectors_of(
    namespace: Namespace,
    requests: Sequence[QueryRequest],
    fetch: Callable[[Sequence[str]], Mapping[str, Record]],
) -> Sequence[Vector]:
    """The vector of each question. Raises RecordNotFound."""
    ids = list(dict.fromkeys(request.id for request in requests if request.id is not None))
    records = fetch(ids)
    vectors = []
    for position, request in enumerate(requests):
        if request.vector is not None:
            vectors.append(request.vector)
            continue
        field = f"queries[{position}].id"
        record = records.get(request.id or "")
        if record is None:
            raise record_not_found(str(request.id), field)
        check_vector(namespace, record.vector, field)
        vectors.append(record.vector)
    return vectors


def _near_record(
    namespace: Namespace, request: QueryRequest, view: View, ask: Callable[[View, Vector], Read]
) -> tuple[Vector, Read]:
    """The vector of the record that a query names, and what its own shard says to it."""
    record_id = check_id(request.id)
    records = view.fetch([record_id])
    if record_id not in records:
        raise record_not_found(record_id, "id")
    question = records[record_id].vector
    check_vector(namespace, question, "vector")
    return question, ask(view, question)


def _walk_of(namespace: Namespace, request: QueryRequest, field: str = "") -> Walk:
    question = request.vector if request.vector is not None else str(request.id)
    name = name_of_walk(namespace, question, request.condition, request.recall)
    if not field:
        return walk_at(name, request.cursor)
    with within_field(field):
        return walk_at(name, request.cursor)


def _page(view: View, question: Vector, request: QueryRequest, walk: Walk) -> RankedPage:
    ranking = VectorRanking(view, question, request.condition, request.recall)
    page = PageQuestion(request.top_k, walk.after, walk.depth, request.min_score)
    shown = Shown(request.include_values, request.include_metadata, request.budget)
    return page_of(view, ranking, page, shown)


def _paged(
    walk: Walk, pages: Sequence[RankedPage], request: QueryRequest, milliseconds: float
) -> QueryAnswer:
    found, more = page_in_all(pages, request.top_k)
    cursor = walk.cursor(found.matches) if more else None
    return QueryAnswer(found.matches, found.work, milliseconds, cursor)


def _search(view: View, question: Vector, request: QueryRequest) -> Found:
    return search(
        view,
        question,
        request.top_k,
        request.condition,
        with_vectors=request.include_values,
        recall=request.recall,
        with_metadata=request.include_metadata,
        budget=request.budget,
    )
