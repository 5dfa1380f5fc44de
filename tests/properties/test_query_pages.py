"""Walks through the answer to a query against ranking everything: over segments, their dead rows, tail and shards."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.errors import InvalidCursor, TooDeep
from quartzdb.domain.filter import matches, parse
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Namespace
from quartzdb.domain.record import Match
from quartzdb.domain.vector import Vector
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.storage.index import ranked_page
from quartzdb.storage.index.steady_scores import steady_scores
from quartzdb.wiring.embedded import Database
from tests.embedded import embedded, fill, vector_of
from tests.spread_namespace import filled, metadata

FILTERS = [None, {"group": 1}, {"v": {"$exists": True}}, {"group": 99}]
QUESTION = np.array([0.6, 0.8], np.float32)


def walked(database: Database, namespace: Namespace, request: QueryRequest) -> Iterator[list[Match]]:
    cursor = request.cursor
    while True:
        answer = database.search.query(namespace, replace(request, paged=True, cursor=cursor))
        yield list(answer.matches)
        cursor = answer.cursor
        if cursor is None:
            return


def score_of(vector: Vector, query: Vector, metric: Metric) -> float:
    """By itself, of everything in float64 but the length, which is stored as float32; rounded to float32."""
    wide, asked = vector.astype(np.float64), query.astype(np.float64)
    if metric is Metric.EUCLIDEAN:
        score = -float(np.sqrt(((wide - asked) ** 2).sum()))
    elif metric is Metric.DOT:
        score = float((wide * asked).sum())
    else:
        length = float(np.float32(np.sqrt((wide**2).sum())))
        score = float((wide * asked).sum()) / (length * float(np.sqrt((asked**2).sum())))
        score = max(-1.0, min(1.0, score))
    return float(np.float32(score))


def ranked(vectors: dict[str, Vector], query: Vector, metric: Metric) -> list[tuple[float, str]]:
    return sorted((-score_of(vector, query, metric), one) for one, vector in vectors.items())


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize(("seed", "shards"), [(1, 1), (2, 3)])
def test_pages_are_what_ranking_everything_gives(
    tmp_path: Path, metric: Metric, seed: int, shards: int
) -> None:
    """Of vectors of which many are the same, so that many scores are equal: those come by id, over pages, too."""
    few = [np.array(one, np.float32) for one in ([1, 0], [0, 1], [3, 4], [0.6, 0.8], [-1, 2], [0.5, 0.5])]
    database, namespace, model = filled(
        embedded(tmp_path), seed, shards, metric=metric, vector=lambda draw: draw.choice(few)
    )
    records = database.records.fetch(namespace, list(model))
    for document in FILTERS:
        condition = None if document is None else parse(document)
        eligible = {
            one: record.vector
            for one, record in records.items()
            if condition is None or matches(condition, model[one])
        }
        expected = [one for _, one in ranked(eligible, QUESTION, metric)]
        for top_k in (1, 7, 1_000) if document == {"group": 1} else (23, 1_000):
            request = QueryRequest(QUESTION, top_k=top_k, condition=condition, include_metadata=False)
            pages = list(walked(database, namespace, request))
            assert [match.id for page in pages for match in page] == expected, (document, top_k)
            assert all(len(page) == top_k for page in pages[:-1])
            assert len(pages) == max(1, -(-len(expected) // top_k)), "no page is empty but that of nothing"


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, Namespace, dict[str, Vector]]:
    """Records that an index is searched for, some dead and some in the tail."""
    site = embedded(tmp_path_factory.mktemp("indexed"))
    database = site.open()
    namespace = fill(database, site.clock, 6_000, engine=EngineChoice.IVF)
    gone = [f"r{number}" for number in range(0, 600, 3)]
    database.records.delete(namespace, gone)
    fresh = [NewRecord(f"n{number}", vector_of(10_000 + number, 8), {"n": number}) for number in range(50)]
    database.records.upsert(namespace, fresh)
    vectors = {f"r{number}": vector_of(number, 8) for number in range(6_000)}
    vectors |= {record.id: record.vector for record in fresh}
    return database, namespace, {one: vector for one, vector in vectors.items() if one not in set(gone)}


def test_an_approximate_walk_has_nothing_twice_and_comes_in_order(
    indexed: tuple[Database, Namespace, dict[str, Vector]],
) -> None:
    """Also where it goes to its end: by then all that is left is scored. Most of the best are found on the way."""
    database, namespace, vectors = indexed
    question = vector_of(77_777, 8)
    expected = [one for _, one in ranked(vectors, question, Metric.COSINE)]
    pages = list(
        walked(database, namespace, QueryRequest(question, top_k=500, recall=0.9, include_metadata=False))
    )
    seen = [match for page in pages for match in page]
    assert [(-match.score, match.id) for match in seen] == sorted((-one.score, one.id) for one in seen)
    assert len({match.id for match in seen}) == len(seen)
    assert all(len(page) == 500 for page in pages[:-1])
    first = [match.id for match in seen[:1000]]
    assert len(set(first) & set(expected[:1000])) >= 850


def test_an_exact_walk_is_the_whole_ranking(
    indexed: tuple[Database, Namespace, dict[str, Vector]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the depth at which others end, and the first page is what a query without pages answers."""
    monkeypatch.setattr(ranked_page, "PAGED_DEPTH_MAX", 1_500)
    database, namespace, vectors = indexed
    question = vector_of(77_778, 8)
    request = QueryRequest(question, top_k=900, recall=1.0, include_metadata=False)
    pages = list(walked(database, namespace, request))
    assert [match.id for page in pages for match in page] == [
        one for _, one in ranked(vectors, question, Metric.COSINE)
    ]
    plain = database.search.query(namespace, request).matches
    assert [match.id for match in plain] == [match.id for match in pages[0]]
    assert [match.distance for match in plain] == pytest.approx([match.distance for match in pages[0]])
    with pytest.raises(TooDeep, match="1,500"):
        list(walked(database, namespace, replace(request, recall=0.9)))
    narrow = replace(request, recall=0.9, condition=parse({"n": {"$lt": 2_000}}))
    assert sum(len(page) for page in walked(database, namespace, narrow)) == 2_050 - 200


@pytest.mark.parametrize("least", [0.9, 0.0, 2.0])
def test_pages_end_where_scores_are_not_good_enough(
    indexed: tuple[Database, Namespace, dict[str, Vector]], least: float
) -> None:
    """Without an empty page at the end."""
    database, namespace, vectors = indexed
    question = vector_of(77_779, 8)
    expected = [one for score, one in ranked(vectors, question, Metric.COSINE) if -score >= least]
    request = QueryRequest(question, top_k=97, recall=1.0, min_score=least, include_metadata=False)
    pages = list(walked(database, namespace, request))
    assert [match.id for page in pages for match in page] == expected
    assert len(pages) == max(1, -(-len(expected) // 97))


def test_a_batch_has_pages_as_single_queries_have(
    indexed: tuple[Database, Namespace, dict[str, Vector]],
) -> None:
    """Beside questions without any, and by the id of a record."""
    database, namespace, _ = indexed
    asked = [
        QueryRequest(vector_of(5, 8), top_k=3),
        QueryRequest(vector_of(5, 8), top_k=3, paged=True),
        QueryRequest(id="r1", top_k=4, paged=True),
    ]
    for _ in range(3):
        single = [database.search.query(namespace, one) for one in asked]
        batch = database.search.query_batch(namespace, asked)
        assert [[match.id for match in one.matches] for one in batch] == [
            [match.id for match in one.matches] for one in single
        ]
        assert [one.cursor for one in batch] == [one.cursor for one in single]
        assert batch[0].cursor is None
        asked = [
            asked[0],
            *(replace(one, cursor=got.cursor) for one, got in zip(asked[1:], batch[1:], strict=True)),
        ]


def test_a_cursor_is_of_one_question(indexed: tuple[Database, Namespace, dict[str, Vector]]) -> None:
    """Another vector, filter or recall begins a walk of its own; how much a page has may change."""
    database, namespace, _ = indexed
    request = QueryRequest(vector_of(5, 8), top_k=3, paged=True)
    cursor = database.search.query(namespace, request).cursor
    following = replace(request, cursor=cursor)
    assert len(database.search.query(namespace, replace(following, top_k=9)).matches) == 9
    others: Sequence[QueryRequest] = [
        replace(following, vector=vector_of(6, 8)),
        replace(following, condition=parse({"even": True})),
        replace(following, recall=0.9),
        replace(following, vector=None, id="r5"),
        replace(following, cursor=str(cursor)[:-2] + "AA"),
    ]
    for other in others:
        with pytest.raises(InvalidCursor):
            database.search.query(namespace, other)


def test_a_walk_has_what_was_there_throughout_once(tmp_path: Path) -> None:
    """While others write, delete, fold and merge: a record that nobody touched comes exactly once, in its place."""
    site = embedded(tmp_path)
    draw = random.Random(5)

    def vector(of: random.Random) -> Vector:
        return np.array([of.uniform(-1, 1), of.uniform(-1, 1)], np.float32)

    database, namespace, model = filled(site, 3, 2, vector=vector)
    records = database.records.fetch(namespace, list(model))
    touched: set[str] = set()
    seen: list[str] = []
    for page in walked(database, namespace, QueryRequest(QUESTION, top_k=9, include_metadata=False)):
        seen += [match.id for match in page]
        ids = list(
            dict.fromkeys([f"r{draw.randrange(150)}" for _ in range(2)] + [f"new{draw.randrange(100)}"])
        )
        database.records.upsert(namespace, [NewRecord(one, vector(draw), metadata(draw)) for one in ids])
        gone = draw.choice(sorted(model))
        database.records.delete(namespace, [gone])
        touched |= {*ids, gone}
        site.clock.seconds += 5
        database.maintenance.run_once()
    untouched = {one: record.vector for one, record in records.items() if one not in touched}
    assert len(untouched) > 20
    expected = [one for _, one in ranked(untouched, QUESTION, Metric.COSINE)]
    assert [one for one in seen if one in untouched] == expected


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("dimension", [1, 3, 384, 1537])
def test_a_score_does_not_depend_on_what_else_is_scored(metric: Metric, dimension: int) -> None:
    """To the bit: places in a ranking are compared by it from page to page."""
    generator = np.random.default_rng(dimension)
    rows = generator.standard_normal((300, dimension)).astype(np.float32)
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1).astype(np.float32)
    query = generator.standard_normal(dimension).astype(np.float32)
    together = steady_scores(metric, rows, lengths, query)
    for _ in range(20):
        some = generator.choice(300, size=int(generator.integers(1, 40)), replace=False)
        assert (steady_scores(metric, rows[some], lengths[some], query) == together[some]).all()
