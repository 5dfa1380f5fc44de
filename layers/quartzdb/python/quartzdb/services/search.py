"""Use cases of search: the nearest records to a vector or to a record, one question or many of one moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property, partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

from quartzdb.domain.answer_budget import AnswerBudget
from quartzdb.domain.errors import InvalidArgument, TooLarge, within_field
from quartzdb.domain.filter import Filter
from quartzdb.domain.fusion import RRF, Fusion, QueryPart
from quartzdb.domain.grouping import GroupBy, check_group_by, check_group_path
from quartzdb.domain.limits import QUERIES_MAX, TOP_K_MAX
from quartzdb.domain.namespace import Namespace
from quartzdb.domain.recall import check_recall, effort_for, promised_recall
from quartzdb.domain.record import Match, Record, check_id
from quartzdb.domain.text_query import SparseQuery, TextQuery
from quartzdb.domain.values import dataclass
from quartzdb.domain.vector import Vector
from quartzdb.services.consistency import STRONG, Consistency
from quartzdb.services.query_groups import group_walk_at
from quartzdb.services.query_pages import Walk, name_of_walk, walk_at
from quartzdb.services.query_rules import check_words, parts_of, sparse_of
from quartzdb.services.ranked_answers import (
    AskAgain,
    GroupedQuestion,
    PagedQuestion,
    RankedAnswer,
    RankedQuestion,
)
from quartzdb.services.record_rules import check_vector, dimension_of, record_not_found
from quartzdb.services.shard_answers import found_in_all
from quartzdb.services.shard_reads import ShardReads
from quartzdb.storage.index.grouping import FoundGroup
from quartzdb.storage.index.hits import Shown
from quartzdb.storage.index.query import Found, Question, SearchWork, search, search_each
from quartzdb.storage.index.ranking import Ranking
from quartzdb.storage.index.vector_ranking import VectorRanking
from quartzdb.storage.index.view import View

if TYPE_CHECKING:
    from quartzdb.services.fused_search import FusedPage, FusedQuestion, FusedSearch

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True, eq=False)
class QueryRequest:
    """What to search for: a vector, or the id of a record whose vector is the question; words; a sparse vector; or
    several of these, which are fused as `fusion` says (None: by reciprocal rank).

    `recall` is what share of the true nearest the answer shall have: 1 scores every record that matches; without it,
    what each index was calibrated to find by default. `budget` is that of the whole answer: the metadata of matches is
    taken from it. `min_score`: of the best, only those that score at least so. `paged`: the answer has a cursor if
    there are more, and with it the next page is asked for. `group_by`: groups in the place of matches, and `top_k` is
    not used; `distinct`: the best match of each value of a field. Scores of all three are *steady*
    (`storage.index.steady_scores`).
    """

    vector: Vector | None = None
    id: str | None = None
    top_k: int = 10
    condition: Filter | None = None
    include_values: bool = False
    consistency: Consistency = STRONG
    recall: float | None = None
    min_recall: float | None = None
    include_metadata: bool = True
    budget: AnswerBudget | None = None
    min_score: float | None = None
    paged: bool = False
    cursor: str | None = None
    group_by: GroupBy | None = None
    distinct: str | None = None
    text: TextQuery | None = None
    sparse: SparseQuery | None = None
    fusion: Fusion | None = None

    @property
    def effort(self) -> float | None:
        """The recall that engines are asked for; None for the usual one."""
        return effort_for(self.recall, self.min_recall, self.deepest)

    @property
    def deepest(self) -> int:
        """How many of the best the promise is about. Pages and groups go further down than one answer shows."""
        return TOP_K_MAX if self.ranked else self.top_k

    def promised(self, *, exact: bool) -> float | None:
        """The recall that an answer promises, where one was asked for."""
        if self.recall is None and self.min_recall is None:
            return None
        return promised_recall(self.effort, self.deepest, exact=exact)

    @property
    def ranked(self) -> bool:
        """Whether the answer is made of a ranking, and not just the best."""
        return self.paged or self.grouped

    @property
    def grouped(self) -> bool:
        """Whether the answer has groups, or the best of each."""
        return self.group_by is not None or self.distinct is not None

    @property
    def parts(self) -> Sequence[QueryPart]:
        """What is asked for beside the filter."""
        return parts_of(self.vector, self.id, self.text, self.sparse)

    @property
    def by_vector_alone(self) -> bool:
        """Whether neither words nor sparse vectors are searched for."""
        return self.text is None and self.sparse is None


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """Matches or groups, best first, what it took, and how long in milliseconds; the cursor of the page after them."""

    matches: Sequence[Match]
    work: SearchWork
    milliseconds: float
    cursor: str | None = None
    groups: Sequence[FoundGroup] | None = None

    @property
    def returned(self) -> int:
        """Records in it."""
        return len(self.matches) + sum(len(group.matches) for group in self.groups or ())


class Search:
    """One instance serves every namespace. `timer` gives seconds and is only for the figures in answers."""

    def __init__(self, shards: ShardReads, *, timer: Callable[[], float] = time.perf_counter) -> None:
        self._shards = shards
        self._timer = timer

    @cached_property
    def _fused(self) -> FusedSearch:
        # Imported by the first question about words: a namespace without text has no use for it.
        from quartzdb.services.fused_search import FusedSearch

        return FusedSearch(self._shards)

    def query(self, namespace: Namespace, request: QueryRequest) -> QueryAnswer:
        """The nearest records by the namespace's metric."""
        begun = self._timer()
        check_query(namespace, request)
        if not request.by_vector_alone:
            question = fused_question(namespace, request)
            (page,) = self._fused.answers(namespace, [question], request.consistency)
            return _fused_answer(namespace, request, question, page, (self._timer() - begun) * 1000)
        if request.ranked:
            return self._ranked(namespace, request, begun)
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
        if not all(request.by_vector_alone for request in requests):
            questions = [
                fused_question(namespace, request, f"queries[{position}]")
                for position, request in enumerate(requests)
            ]
            found_pages = self._fused.answers(namespace, questions, consistency)
            milliseconds = (self._timer() - begun) * 1000
            return [
                _fused_answer(namespace, request, question, page, milliseconds)
                for request, question, page in zip(requests, questions, found_pages, strict=True)
            ]
        shards = namespace.each_shard
        # Records that are named by id may lie in other shards than their neighbours: then they are looked up first.
        known = self._vectors_from_any_shard(namespace, requests, consistency) if len(shards) > 1 else None

        ranked = {}
        for position, one in enumerate(requests):
            if one.ranked:
                with within_field(f"queries[{position}]"):
                    ranked[position] = _ranked_question(namespace, one)

        asked_for: dict[str, Sequence[Vector]] = {}

        def find(_: Namespace, view: View) -> tuple[list[Found], dict[int, Any]]:
            vectors = known or _vectors_of(namespace, requests, view.fetch)
            plain = [
                Question(
                    vector,
                    one.top_k,
                    one.condition,
                    one.include_values,
                    one.effort,
                    one.include_metadata,
                    one.budget,
                )
                for vector, one in zip(vectors, requests, strict=True)
                if not one.ranked
            ]
            parts = {
                position: asked.of_shard(view, _ranking(view, vectors[position], requests[position]))
                for position, asked in ranked.items()
            }
            asked_for.setdefault("vectors", vectors)
            return search_each(view, plain), parts

        of_shards = self._shards.each(shards, find, consistency)
        milliseconds = (self._timer() - begun) * 1000
        founds = zip(*(found for found, _ in of_shards), strict=True)
        answers = []
        for position, request in enumerate(requests):
            if position in ranked:
                again = self._again(shards, request, asked_for["vectors"][position], consistency)
                parts = [parts[position] for _, parts in of_shards]
                answers.append(_answer(ranked[position].together(parts, again), milliseconds))
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

    def _ranked(self, namespace: Namespace, request: QueryRequest, begun: float) -> QueryAnswer:
        """The answer to a question for pages or groups."""
        asked = _ranked_question(namespace, request)
        questions: list[Vector] = []

        def ask(view: View, question: Vector) -> Any:
            questions.append(question)
            return asked.of_shard(view, _ranking(view, question, request))

        of_shards = self._of_each_shard(namespace, request, ask)
        order = _shards_of(namespace, request)
        again = self._again(order, request, questions[0], request.consistency)
        return _answer(asked.together(of_shards, again), (self._timer() - begun) * 1000)

    def _again(
        self, shards: Sequence[Namespace], request: QueryRequest, question: Vector, consistency: Consistency
    ) -> AskAgain:
        numbers = {shard.shard: number for number, shard in enumerate(shards)}
        # What was just read is young enough: no log is read again.
        recent = replace(consistency, strong=False)

        def again(use: Callable[[int, View, Ranking], Read]) -> Sequence[Read]:
            return self._shards.each(
                shards,
                lambda shard, view: use(numbers[shard.shard], view, _ranking(view, question, request)),
                recent,
            )

        return again

    def _of_each_shard(
        self, namespace: Namespace, request: QueryRequest, ask: Callable[[View, Vector], Read]
    ) -> Sequence[Read]:
        """What each shard says to a question, in the order of `_shards_of`."""
        shards = _shards_of(namespace, request)
        if request.vector is not None:
            question = request.vector
            return self._shards.each(shards, lambda _, view: ask(view, question), request.consistency)
        question, nearest = self._shards.one(
            shards[0], lambda view: _near_record(namespace, request, view, ask), request.consistency
        )
        if len(shards) == 1:
            return [nearest]
        others = self._shards.each(shards[1:], lambda _, view: ask(view, question), request.consistency)
        return [nearest, *others]


def _shards_of(namespace: Namespace, request: QueryRequest) -> Sequence[Namespace]:
    """Every shard; that of the record whose vector is the question first."""
    if request.vector is not None:
        return namespace.each_shard
    home = namespace.shard_of(check_id(request.id))
    return [home, *(shard for shard in namespace.each_shard if shard != home)]


def check_query(namespace: Namespace, request: QueryRequest) -> None:
    """Raises what is wrong with a query as far as that can be seen from it alone."""
    if not 1 <= request.top_k <= TOP_K_MAX:
        raise InvalidArgument(f"top_k must be 1 to {TOP_K_MAX}, not {request.top_k}.", field="top_k")
    check_recall(request.recall, request.min_recall)
    if request.group_by is not None:
        check_group_by(request.group_by)
        if request.distinct is not None:
            raise InvalidArgument(
                "A query is grouped or has distinct values, not both.",
                field="distinct",
                hint="`distinct` is `group_by` with `per_group` 1, whose matches are answered without their groups.",
            )
    elif request.distinct is not None:
        check_group_path(request.distinct, "distinct")
    if (request.vector is not None and request.id is not None) or not request.parts:
        raise InvalidArgument(
            "A query needs exactly one of `vector` and `id`, or `text` or `sparse`, alone or beside it.",
            field="vector",
            hint="Send a vector, or the id of a record whose vector is the question, or words.",
        )
    if request.vector is not None:
        check_vector(namespace, request.vector, "vector")
    elif request.id is not None:
        dimension_of(namespace)
        check_id(request.id)
    if not request.by_vector_alone or request.fusion is not None:
        check_words(namespace, request.text, request.sparse, request.fusion, request.parts)


def _good_enough(matches: Sequence[Match], min_score: float | None) -> Sequence[Match]:
    if min_score is None:
        return matches
    return [match for match in matches if match.score >= min_score]


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


def fused_question(namespace: Namespace, request: QueryRequest, field: str = "") -> FusedQuestion:
    """A request that was checked as a question of several parts. Raises InvalidCursor."""
    from quartzdb.services.fused_search import FusedQuestion

    after = ranked = None
    with within_field(field) if field else nullcontext():
        if request.grouped or (request.ranked and request.by_vector_alone):
            ranked = _ranked_question(namespace, request)
        elif request.paged:
            after = walk_at(_name_of_walk(namespace, request), request.cursor).after
    return FusedQuestion(
        request.top_k,
        Shown(request.include_values, request.include_metadata, request.budget),
        request.vector,
        request.id,
        request.text,
        None if request.sparse is None else sparse_of(namespace, request.sparse),
        request.fusion or RRF,
        request.condition,
        request.effort,
        request.min_score,
        after,
        request.paged,
        field,
        ranked,
    )


def _fused_answer(
    namespace: Namespace, request: QueryRequest, question: FusedQuestion, page: FusedPage, milliseconds: float
) -> QueryAnswer:
    if page.ranked is not None:
        return replace(_answer(page.ranked, milliseconds), work=page.work)
    cursor = None
    if request.paged and page.more:
        cursor = Walk(_name_of_walk(namespace, request), question.after).cursor(page.matches)
    return QueryAnswer(page.matches, page.work, milliseconds, cursor)


def _name_of_walk(namespace: Namespace, request: QueryRequest, *further: str) -> str:
    """What cursors belong to."""
    question = request.vector if request.vector is not None else request.id or ""
    if request.by_vector_alone:
        return name_of_walk(namespace, question, request.condition, request.effort, *further)
    sparse = request.sparse
    asked = (
        repr(request.text),
        "" if sparse is None else repr((sparse.field, sparse.indices.tolist(), sparse.values.tolist())),
        repr(request.fusion or RRF),
    )
    of_parts = blake2b("\n".join(asked).encode(), digest_size=16).hexdigest()
    return name_of_walk(namespace, question, request.condition, request.effort, of_parts, *further)


def _ranked_question(namespace: Namespace, request: QueryRequest) -> RankedQuestion[Any]:
    """Raises InvalidCursor."""
    name = partial(_name_of_walk, namespace, request)
    shown = Shown(request.include_values, request.include_metadata, request.budget)
    if request.distinct is not None:
        walk = group_walk_at(name("distinct", request.distinct), request.cursor)
        best = GroupBy(request.distinct, 1, request.top_k)
        return GroupedQuestion(walk, best, request.min_score, shown, request.paged, distinct=True)
    if request.group_by is not None:
        walk = group_walk_at(name("group_by", request.group_by.path), request.cursor)
        return GroupedQuestion(walk, request.group_by, request.min_score, shown, request.paged)
    return PagedQuestion(walk_at(name(), request.cursor), request.top_k, request.min_score, shown)


def _ranking(view: View, question: Vector, request: QueryRequest) -> Ranking:
    return VectorRanking(view, question, request.condition, request.effort)


def _answer(ranked: RankedAnswer, milliseconds: float) -> QueryAnswer:
    return QueryAnswer(ranked.matches, ranked.work, milliseconds, ranked.cursor, ranked.groups)


def _search(view: View, question: Vector, request: QueryRequest) -> Found:
    return search(
        view,
        question,
        request.top_k,
        request.condition,
        with_vectors=request.include_values,
        recall=request.effort,
        with_metadata=request.include_metadata,
        budget=request.budget,
    )
