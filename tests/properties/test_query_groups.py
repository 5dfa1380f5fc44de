"""Groups of the answer to a query, and distinct values, against grouping everything: over segments, tail and shards."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.domain.errors import InvalidCursor
from quartzdb.domain.fieldkey import decode, encode
from quartzdb.domain.filter import Filter, matches, parse
from quartzdb.domain.grouping import GroupBy
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Namespace
from quartzdb.domain.vector import Vector
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryAnswer, QueryRequest
from quartzdb.storage.index import grouping
from quartzdb.wiring.embedded import Database
from tests.embedded import embedded, fill, vector_of
from tests.properties.test_query_pages import QUESTION, ranked
from tests.spread_namespace import Model, filled, metadata

FILTERS = [None, {"few": "x"}, {"group": 99}]
FIELDS = ["group", "few", "v", "o.deep", "tags", "o", "nowhere"]
Groups = list[tuple[Any, list[str]]]


def values_of(metadata: Mapping[str, Any], path: str) -> set[bytes]:
    """The keys of what a record has there: of a value, or of the elements of an array; null and objects are none."""
    at: Any = metadata
    for name in path.split("."):
        at = at.get(name) if isinstance(at, Mapping) else None
    found = at if isinstance(at, list) else [at]
    return {encode(one) for one in found if one is not None and not isinstance(one, Mapping | list)}


def grouped(order: Sequence[str], model: Model, path: str, per_group: int) -> Groups:
    """Every group, in the order of its best record, those with the same one by key."""
    groups: dict[bytes, list[str]] = {}
    for one in order:
        for key in sorted(values_of(model[one], path)):
            groups.setdefault(key, []).append(one)
    return [(decode(key), ids[:per_group]) for key, ids in groups.items()]


def walked(database: Database, namespace: Namespace, request: QueryRequest) -> Iterator[QueryAnswer]:
    while True:
        answer = database.search.query(namespace, request)
        yield answer
        request = replace(request, cursor=answer.cursor)
        if answer.cursor is None:
            return


def shown(answer: QueryAnswer) -> Groups:
    return [(decode(one.key), [match.id for match in one.matches]) for one in answer.groups or ()]


def spread(
    site: Path, seed: int, shards: int, metric: Metric
) -> tuple[Database, Namespace, Model, dict[str, Vector]]:
    few = [np.array(one, np.float32) for one in ([1, 0], [0, 1], [3, 4], [0.6, 0.8], [-1, 2], [0.5, 0.5])]

    def vector(draw: random.Random) -> Vector:
        return (
            draw.choice(few) if draw.random() < 0.5 else np.array([draw.random(), draw.random()], np.float32)
        )

    database, namespace, model = filled(embedded(site), seed, shards, metric=metric, vector=vector)
    records = database.records.fetch(namespace, list(model))
    return database, namespace, model, {one: record.vector for one, record in records.items()}


def eligible(vectors: dict[str, Vector], model: Model, condition: Filter | None) -> dict[str, Vector]:
    return {one: v for one, v in vectors.items() if condition is None or matches(condition, model[one])}


@pytest.mark.parametrize(
    ("seed", "shards", "metric", "together"), [(1, 1, Metric.COSINE, 3), (2, 3, Metric.EUCLIDEAN, 16_384)]
)
def test_groups_are_what_grouping_everything_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, shards: int, metric: Metric, together: int
) -> None:
    """By values of every type and elements of arrays, page by page: groups whole, and none twice."""
    monkeypatch.setattr(grouping, "TOGETHER_MAX", together)
    database, namespace, model, vectors = spread(tmp_path, seed, shards, metric)
    for document in FILTERS:
        condition = None if document is None else parse(document)
        order = [one for _, one in ranked(eligible(vectors, model, condition), QUESTION, metric)]
        for path in FIELDS:
            for per_group, groups in ((2, 3), (1, 1)) if path == "tags" else ((100, 7),):
                expected = grouped(order, model, path, per_group)
                group_by = GroupBy(path, per_group, groups)
                request = QueryRequest(
                    QUESTION, condition=condition, group_by=group_by, paged=True, include_metadata=False
                )
                pages = [shown(answer) for answer in walked(database, namespace, request)]
                assert [one for page in pages for one in page] == expected, (document, path, per_group)
                assert len(pages) == max(1, -(-len(expected) // groups)), (
                    "no page is empty but that of nothing"
                )
                alone = database.search.query(namespace, replace(request, paged=False))
                assert (shown(alone), alone.cursor) == (expected[:groups], None)


@pytest.mark.parametrize(("seed", "shards"), [(1, 1), (2, 3)])
def test_distinct_values_are_the_best_of_each_group(tmp_path: Path, seed: int, shards: int) -> None:
    """As plain matches; a record that is the best of several values comes once."""
    database, namespace, model, vectors = spread(tmp_path, seed, shards, Metric.COSINE)
    order = [one for _, one in ranked(vectors, QUESTION, Metric.COSINE)]
    for path in FIELDS:
        best = dict.fromkeys(ids[0] for _, ids in grouped(order, model, path, 1))
        for top_k in (1, 4, 1_000):
            request = QueryRequest(QUESTION, top_k=top_k, distinct=path, paged=True)
            pages = list(walked(database, namespace, request))
            assert [match.id for page in pages for match in page.matches] == list(best), (path, top_k)
            assert all(page.groups is None for page in pages)


def test_groups_end_where_scores_are_not_good_enough(tmp_path: Path) -> None:
    """What scores worse is in no group."""
    database, namespace, model, vectors = spread(tmp_path, 2, 3, Metric.COSINE)
    for least in (0.999, 0.8, 2.0):
        order = [one for score, one in ranked(vectors, QUESTION, Metric.COSINE) if -score >= least]
        request = QueryRequest(
            QUESTION, min_score=least, group_by=GroupBy("o.deep", 2, 4), paged=True, include_metadata=False
        )
        pages = [shown(answer) for answer in walked(database, namespace, request)]
        assert [one for page in pages for one in page] == grouped(order, model, "o.deep", 2)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Database, Namespace, Model, dict[str, Vector]]:
    """An index, dead rows and a tail. A third of all records is one document; the others' documents have seven."""
    site = embedded(tmp_path_factory.mktemp("indexed"))
    database = site.open()
    namespace = fill(database, site.clock, 1, engine=EngineChoice.IVF)
    vectors = {f"r{number}": vector_of(number, 8) for number in range(6_000)}
    model: Model = {
        one: {"doc": "large" if number % 3 == 0 else f"d{number // 7}", "n": number}
        for number, one in enumerate(vectors)
    }

    def write(ids: Sequence[str]) -> None:
        for start in range(0, len(ids), 1_000):
            some = ids[start : start + 1_000]
            database.records.upsert(namespace, [NewRecord(i, vectors[i], model[i]) for i in some])

    write(list(vectors))
    site.clock.seconds += 60
    database.indexer.fold(namespace)
    database.readers.of(namespace).reload()
    write([f"r{number}" for number in range(0, 6_000, 97)])
    gone = [f"r{number}" for number in range(5, 6_000, 11)]
    database.records.delete(namespace, gone)
    kept = {one: vector for one, vector in vectors.items() if one not in set(gone)}
    return database, namespace, {one: model[one] for one in kept}, kept


@pytest.mark.parametrize("recall", [None, 0.9, 1.0])
def test_each_group_is_whole_however_the_search_is_done(
    indexed: tuple[Database, Namespace, Model, dict[str, Vector]], recall: float | None
) -> None:
    """Its matches are the best of all its records. An exact answer has exactly the best groups; another one most of
    them, in order, never less than there are, and none twice on its way to the last.
    """
    database, namespace, model, vectors = indexed
    question = vector_of(91_919, 8)
    order = [one for _, one in ranked(vectors, question, Metric.COSINE)]
    expected = grouped(order, model, "doc", 2)
    request = QueryRequest(
        question, recall=recall, group_by=GroupBy("doc", 2, 50), paged=True, include_metadata=False
    )
    pages = list(walked(database, namespace, request))
    found = [one for page in pages for one in shown(page)]
    assert len({value for value, _ in found}) == len(found)
    assert all(len(page.groups or ()) == 50 for page in pages[:-1])
    whole = dict(expected)
    assert all(ids == whole[value] for value, ids in found if value != "large")
    if recall == 1.0:
        assert found == expected
        assert all(page.work.exact for page in pages)
    else:
        first = {value for value, _ in found[:200]}
        assert len(first & {value for value, _ in expected[:200]}) >= 180
        places = [(-one.place.score, one.place.id) for page in pages for one in page.groups or ()]
        assert places == sorted(places)
        assert not pages[0].work.exact


def test_one_value_for_nearly_all_records_hides_no_other(tmp_path: Path) -> None:
    """Where the best thousands are all of one group, the search goes deeper until there are enough groups."""
    site = embedded(tmp_path)
    database = site.open()
    namespace = fill(database, site.clock, 1, engine=EngineChoice.IVF)
    generator = np.random.default_rng(3)
    near = generator.normal([5, 0, 0, 0, 0, 0, 0, 0], 0.5, (5_000, 8)).astype(np.float32)
    far = generator.normal([-5, 0, 0, 0, 0, 0, 0, 0], 0.5, (30, 8)).astype(np.float32)
    records = [NewRecord(f"a{i}", row, {"doc": "all"}) for i, row in enumerate(near)]
    records += [NewRecord(f"b{i}", row, {"doc": i % 6}) for i, row in enumerate(far)]
    for start in range(0, len(records), 1_000):
        database.records.upsert(namespace, records[start : start + 1_000])
    site.clock.seconds += 60
    database.indexer.fold(namespace)
    database.readers.of(namespace).reload()
    question = np.eye(8, dtype=np.float32)[0]
    answer = database.search.query(
        namespace, QueryRequest(question, recall=0.9, group_by=GroupBy("doc", 1, 5))
    )
    of_far = {record.id: record.vector for record in records[5_000:]}
    order = [one for _, one in ranked(of_far, question, Metric.COSINE)]
    expected = grouped(order, {record.id: record.metadata for record in records}, "doc", 1)
    assert shown(answer)[0][0] == "all"
    assert shown(answer)[1:] == expected[:4]


def test_a_batch_has_groups_as_single_queries_have(tmp_path: Path) -> None:
    """Beside plain questions and pages, over shards, and by the id of a record."""
    database, namespace, model, _ = spread(tmp_path, 2, 3, Metric.COSINE)
    known = sorted(model)[7]
    asked = [
        QueryRequest(QUESTION, top_k=3),
        QueryRequest(QUESTION, group_by=GroupBy("few", 3, 2)),
        QueryRequest(id=known, group_by=GroupBy("group", 2, 2), paged=True),
        QueryRequest(id=known, top_k=4, paged=True),
        QueryRequest(QUESTION, top_k=4, distinct="group"),
    ]
    for _ in range(2):
        single = [database.search.query(namespace, one) for one in asked]
        batch = database.search.query_batch(namespace, asked)
        for one, other in zip(batch, single, strict=True):
            assert [match.id for match in one.matches] == [match.id for match in other.matches]
            assert (shown(one), one.cursor, one.returned) == (shown(other), other.cursor, other.returned)
        asked = [
            replace(one, cursor=got.cursor) if one.paged else one
            for one, got in zip(asked, batch, strict=True)
        ]


def test_a_cursor_of_groups_is_of_one_field(tmp_path: Path) -> None:
    """Neither of another field, nor of distinct values, nor of plain pages."""
    database, namespace, _, _ = spread(tmp_path, 1, 1, Metric.COSINE)
    request = QueryRequest(QUESTION, top_k=2, group_by=GroupBy("group", 2, 2), paged=True)
    following = replace(request, cursor=database.search.query(namespace, request).cursor)
    more = replace(following, group_by=GroupBy("group", 1, 4))
    assert len(database.search.query(namespace, more).groups or ()) == 4
    for other in (
        replace(following, group_by=GroupBy("few", 2, 2)),
        replace(following, group_by=None, distinct="group"),
        replace(following, group_by=None),
    ):
        with pytest.raises(InvalidCursor):
            database.search.query(namespace, other)


def test_a_walk_has_the_groups_that_nobody_touched_once(tmp_path: Path) -> None:
    """While others write, delete, fold and merge."""
    site = embedded(tmp_path)
    draw = random.Random(5)

    def vector(of: random.Random) -> Vector:
        return np.array([of.uniform(-1, 1), of.uniform(-1, 1)], np.float32)

    database, namespace, model = filled(site, 3, 2, vector=vector)
    records = database.records.fetch(namespace, list(model))
    order = [one for _, one in ranked({i: r.vector for i, r in records.items()}, QUESTION, Metric.COSINE)]
    before = grouped(order, model, "o.deep", 2)
    touched: set[Any] = set()
    seen: Groups = []
    request = QueryRequest(QUESTION, group_by=GroupBy("o.deep", 2, 4), paged=True, include_metadata=False)
    for answer in walked(database, namespace, request):
        seen += shown(answer)
        record = NewRecord(f"new{draw.randrange(100)}", vector(draw), metadata(draw))
        gone = draw.choice(sorted(model))
        for one in (model.get(record.id, {}), record.metadata, model[gone]):
            touched |= {decode(key) for key in values_of(one, "o.deep")}
        model[record.id] = record.metadata
        database.records.upsert(namespace, [record])
        database.records.delete(namespace, [gone])
        site.clock.seconds += 5
        database.maintenance.run_once()
    untouched = [one for one in before if one[0] not in touched]
    assert len(untouched) > 10
    assert [one for one in seen if one[0] not in touched] == untouched
