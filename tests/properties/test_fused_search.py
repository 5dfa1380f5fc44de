"""Searching by words, sparse vectors and several parts: over shards and segments as by looking at every record."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.filter import parse
from quartzdb.domain.fusion import Fusion, FusionMethod, QueryPart
from quartzdb.domain.grouping import GroupBy
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.domain.text_query import TextQuery, sparse_query
from quartzdb.domain.vector import Vector
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.wiring.embedded import Database
from tests import text_model
from tests.embedded import embedded, vector_of

ROWS = 160
FILTER = parse({"group": {"$lt": 4}})
SPARSE = sparse_query("splade", [3, 5, 2**32 - 1], [1.0, -0.5, 2.0])


class Filled:
    """The same records in one shard and in three, written at different times, some of them replaced or deleted."""

    def __init__(self, directory: Path, seed: int) -> None:
        draw = random.Random(seed)
        self.vectors = {f"r{row}": vector_of(row, 4) for row in range(ROWS)}
        self.model = {name: text_model.metadata(draw) for name in self.vectors}
        self.database: dict[int, Database] = {}
        self.namespace: dict[int, Namespace] = {}
        patched = {f"r{row}": {"body": "wings in supersonic flow", "group": 1} for row in range(0, ROWS, 9)}
        for shards in (1, 3):
            site = embedded(directory / str(shards))
            database = self.database[shards] = site.open()
            settings = NamespaceSettings(4, shards=shards, text=text_model.TEXT, sparse=text_model.SPARSE)
            namespace = self.namespace[shards] = database.namespaces.create("t", "n", settings)[0]
            records = [NewRecord(name, self.vectors[name], self.model[name]) for name in self.vectors]
            database.records.upsert(namespace, records[:70])
            self._fold(site.clock, database, namespace)
            database.records.upsert(namespace, records[50:120])
            self._fold(site.clock, database, namespace)
            database.records.upsert(namespace, records[110:])
            database.records.patch(namespace, [MetadataPatch(name, some) for name, some in patched.items()])
            database.records.delete(namespace, ["r1", "r60", "r150"])
        for name, some in patched.items():
            self.model[name] = {**self.model[name], **some}
        for gone in ("r1", "r60", "r150"):
            del self.model[gone]

    @staticmethod
    def _fold(clock, database: Database, namespace: Namespace) -> None:  # type: ignore[no-untyped-def]
        clock.seconds += 5
        for shard in namespace.each_shard:
            assert database.indexer.fold(shard).published
            database.readers.of(shard).reload()

    def ranking(self, shards: int, request: QueryRequest) -> text_model.Ranking:
        """Ids with their scores."""
        matches = self.database[shards].search.query(self.namespace[shards], request).matches
        return [(match.id, match.score) for match in matches]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return Filled(tmp_path_factory.mktemp("fused"), seed=11)


def question(row: int) -> Vector:
    return np.random.default_rng(1_000 + row).standard_normal(4).astype(np.float32)


@pytest.mark.parametrize("filtered", [False, True])
def test_words_alone(filled: Filled, filtered: bool) -> None:
    """Scores are those of the whole namespace, whatever shard, segment or tail a record is in."""
    condition = FILTER if filtered else None
    for query in text_model.queries(random.Random(5)):
        wanted = text_model.found(filled.model, query, condition)
        request = QueryRequest(text=query, condition=condition, top_k=1000)
        in_one, in_three = (filled.ranking(shards, request) for shards in (1, 3))
        assert in_one == in_three
        assert dict(in_one) == pytest.approx(wanted, rel=1e-4, abs=1e-6)
        assert in_one == sorted(in_one, key=lambda one: (-one[1], one[0]))


def test_sparse_vectors_alone(filled: Filled) -> None:
    """Products, of those that have any index of the question."""
    wanted = text_model.found_sparse(filled.model, SPARSE, FILTER)
    for shards in (1, 3):
        request = QueryRequest(sparse=SPARSE, condition=FILTER, top_k=1000)
        assert dict(filled.ranking(shards, request)) == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("row", range(6))
@pytest.mark.parametrize(
    "fusion",
    [
        Fusion(),
        Fusion(k=1),
        Fusion(FusionMethod.WEIGHTED, weights={"vector": 0.7, "text": 0.2, "sparse": 0.1}),  # type: ignore[dict-item]
    ],
    ids=["rrf", "rrf 1", "weighted"],
)
def test_fusion_is_that_of_the_rankings_of_the_parts(filled: Filled, fusion: Fusion, row: int) -> None:
    """With ranks among all shards, and equal fused scores in the order of ids."""
    asked = {
        QueryPart.VECTOR: QueryRequest(vector=question(row), recall=1.0),
        QueryPart.TEXT: QueryRequest(text=TextQuery("heated wing flow", must_not=())),
        QueryPart.SPARSE: QueryRequest(sparse=SPARSE),
    }
    # As deep as parts are fused; a walk by pages has scores that do not depend on what else is scored.
    parts = {
        part: filled.ranking(1, replace(one, top_k=100, condition=FILTER, paged=part is QueryPart.VECTOR))
        for part, one in asked.items()
    }
    wanted = text_model.naively_fused(parts, fusion)
    request = QueryRequest(
        vector=question(row),
        recall=1.0,
        text=asked[QueryPart.TEXT].text,
        sparse=SPARSE,
        fusion=fusion,
        condition=FILTER,
        top_k=25,
    )
    for shards in (1, 3):
        found = filled.ranking(shards, request)
        assert [name for name, _ in found] == [name for name, _ in wanted[:25]]
        assert dict(found) == pytest.approx(dict(wanted[:25]), rel=1e-9)
        limit = wanted[12][1] * (1 - 1e-9)  # sums of the same numbers in another order
        good = filled.ranking(shards, replace(request, min_score=limit))
        assert [name for name, _ in good] == [name for name, score in wanted[:25] if score >= limit]


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("hybrid", [False, True])
def test_pages_are_the_whole_ranking(filled: Filled, shards: int, hybrid: bool) -> None:
    """Each record once, in order, to the end."""
    request = QueryRequest(
        text=TextQuery("wing flow of heat"), vector=question(1) if hybrid else None, recall=1.0, top_k=1000
    )
    whole = filled.ranking(shards, request)
    walked: text_model.Ranking = []
    cursor = None
    while True:
        one = replace(request, top_k=17, paged=True, cursor=cursor)
        answer = filled.database[shards].search.query(filled.namespace[shards], one)
        walked += [(match.id, match.score) for match in answer.matches]
        cursor = answer.cursor
        if cursor is None:
            break
    assert walked == whole


def test_several_questions_of_one_moment(filled: Filled) -> None:
    """In a batch each is answered as alone, also one by vector beside one by words."""
    requests = [
        QueryRequest(text=TextQuery("wing flow")),
        QueryRequest(id="r5", text=TextQuery("heat")),
        QueryRequest(vector=question(2), recall=1.0),
        QueryRequest(sparse=SPARSE, top_k=3),
    ]
    for shards in (1, 3):
        search, namespace = filled.database[shards].search, filled.namespace[shards]
        answers = search.query_batch(namespace, requests)
        for request, answer in zip(requests, answers, strict=True):
            alone = search.query(namespace, request)
            assert [match.id for match in answer.matches] == [match.id for match in alone.matches]
            assert [match.score for match in answer.matches] == pytest.approx(
                [match.score for match in alone.matches]
            )


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("parts", ["text", "sparse", "text and vector", "all"])
def test_groups_are_those_of_the_whole_ranking(filled: Filled, shards: int, parts: str) -> None:
    """By words, sparse vectors and what is fused as by vector: in pages, distinct, and in a batch beside others."""
    request = QueryRequest(
        vector=question(3) if parts in ("text and vector", "all") else None,
        text=TextQuery("wing flow of heat") if parts != "sparse" else None,
        sparse=SPARSE if parts in ("sparse", "all") else None,
        recall=1.0,
        condition=FILTER,
    )
    # The whole ranking: fused as deep as for pages.
    search, namespace = filled.database[shards].search, filled.namespace[shards]
    page = search.query(namespace, replace(request, top_k=1000, paged=True))
    whole = [(match.id, match.score) for match in page.matches]
    assert len(whole) > 20
    for per_group, count in ((1, 2), (4, 3), (100, 10)):
        expected = text_model.in_groups(whole, filled.model, per_group)
        grouped = replace(request, group_by=GroupBy("group", per_group, count), paged=True)
        first = search.query(namespace, grouped)
        (in_batch, _, beside) = search.query_batch(
            namespace,
            [grouped, QueryRequest(text=TextQuery("heat")), QueryRequest(vector=question(4), paged=True)],
        )
        assert in_batch.cursor == first.cursor
        assert beside.cursor is not None
        found: list[list[str]] = []
        answer = first
        while True:
            assert answer.groups is not None
            found += [[match.id for match in group.matches] for group in answer.groups]
            if answer.cursor is None:
                break
            answer = search.query(namespace, replace(grouped, cursor=answer.cursor))
        assert found == expected
        for group in first.groups or ():
            for match in group.matches:
                assert match.distance == -match.score
                assert match.explained is not None
        distinct = search.query(namespace, replace(request, distinct="group", top_k=50))
        assert [match.id for match in distinct.matches] == [
            ids[0] for ids in text_model.in_groups(whole, filled.model, 1)
        ]
