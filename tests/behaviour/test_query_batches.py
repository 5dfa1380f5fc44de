"""Several queries at once: each is answered as it would be alone, all from one moment, for one read of the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.domain.errors import QuartzError, RecordNotFound, TooLarge
from quartzdb.domain.filter import parse
from quartzdb.domain.limits import QUERIES_MAX
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryAnswer, QueryRequest
from quartzdb.wiring.embedded import Database, EmbeddedSettings, assemble, embedded_adapters
from tests.counted_log import CountedLog
from tests.manual_clock import ManualClock

DIMENSION = 6


@pytest.fixture
def log(tmp_path: Path) -> CountedLog:
    return CountedLog(embedded_adapters(EmbeddedSettings(tmp_path / "data"), ManualClock()).log)


@pytest.fixture
def database(tmp_path: Path, log: CountedLog) -> Database:
    adapters = embedded_adapters(EmbeddedSettings(tmp_path / "data"), ManualClock())
    return assemble(replace(adapters, log=log), writer="local.1", workspace=tmp_path / "work")


def filled(database: Database, metric: Metric, shards: int) -> Namespace:
    """Records in segments and, later ones and replacements, in the tail."""
    namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(DIMENSION, metric, shards=shards))
    generator = np.random.default_rng(4)

    def write(numbers: Sequence[int]) -> None:
        vectors = generator.standard_normal((len(numbers), DIMENSION)).astype(np.float32)
        database.records.upsert(
            namespace,
            [
                NewRecord(f"r{number}", vector, {"n": number})
                for number, vector in zip(numbers, vectors, strict=True)
            ],
        )

    write(range(60))
    for shard in namespace.each_shard:
        assert database.indexer.fold(shard).published
        database.readers.of(shard).reload()
    write([*range(10, 20), *range(60, 90)])
    database.records.delete(namespace, ["r3", "r65"])
    return namespace


def requests() -> list[QueryRequest]:
    vectors = np.random.default_rng(9).standard_normal((5, DIMENSION)).astype(np.float32)
    return [
        *(QueryRequest(vector=vector, top_k=count) for vector, count in zip(vectors, (1, 3, 10, 50, 200), strict=True)),
        QueryRequest(vector=vectors[0], top_k=4, condition=parse({"n": {"$lt": 15}})),
        QueryRequest(vector=vectors[1], condition=parse({"n": -1})),
        QueryRequest(id="r12", top_k=5),
        QueryRequest(id="r70", top_k=5, include_values=True),
        QueryRequest(id="r70", condition=parse({"n": {"$gt": 40}}), recall=1.0),
    ]  # fmt: skip


def shown(answer: QueryAnswer) -> list[tuple[Any, ...]]:
    return [
        (
            match.id,
            pytest.approx(match.score, abs=1e-4),
            match.version,
            match.metadata,
            None if match.vector is None else match.vector.tolist(),
        )
        for match in answer.matches
    ]


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("shards", [1, 3])
def test_each_is_answered_as_it_would_be_alone(database: Database, metric: Metric, shards: int) -> None:
    """Whatever they ask together with: all of it, a few, by id, with a filter."""
    namespace = filled(database, metric, shards)
    asked = requests()
    answers = database.search.query_batch(namespace, asked)
    alone = [database.search.query(namespace, request) for request in asked]
    assert [shown(answer) for answer in answers] == [shown(answer) for answer in alone]
    assert [answer.work for answer in answers] == [answer.work for answer in alone]


def test_the_log_is_read_once(database: Database, log: CountedLog) -> None:
    """However many they are, also where some name a record."""
    namespace = filled(database, Metric.COSINE, 1)
    database.records.count(namespace)
    before = log.reads
    database.search.query_batch(namespace, requests() * 5)
    assert log.reads == before + 1


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (QueryRequest(id="r3"), "queries[2].id"),
        (QueryRequest(id="no such id"), "queries[2].id"),
        (QueryRequest(), "queries[2].vector"),
        (QueryRequest(vector=np.ones(DIMENSION + 1, dtype=np.float32)), "queries[2].vector"),
        (QueryRequest(vector=np.zeros(DIMENSION, dtype=np.float32)), "queries[2].vector"),
        (QueryRequest(vector=np.ones(DIMENSION, dtype=np.float32), top_k=0), "queries[2].top_k"),
        (QueryRequest(vector=np.ones(DIMENSION, dtype=np.float32), recall=0.1), "queries[2].recall"),
    ],
)
def test_what_is_wrong_with_one_fails_them_all(
    database: Database, shards: int, wrong: QueryRequest, field: str
) -> None:
    """The error says which one it was."""
    namespace = filled(database, Metric.COSINE, shards)
    asked = requests()
    asked.insert(2, wrong)
    with pytest.raises(QuartzError) as error:
        database.search.query_batch(namespace, asked)
    assert error.value.field == field


def test_there_is_a_limit(database: Database) -> None:
    """On how many are asked together; none at all is an error, too."""
    namespace = filled(database, Metric.COSINE, 1)
    one = QueryRequest(vector=np.ones(DIMENSION, dtype=np.float32), top_k=1)
    assert len(database.search.query_batch(namespace, [one] * QUERIES_MAX)) == QUERIES_MAX
    for count in (0, QUERIES_MAX + 1):
        with pytest.raises(TooLarge):
            database.search.query_batch(namespace, [one] * count)


def test_a_long_tail_is_scored_for_some_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few fit in memory together, the answers are the same."""
    namespace = filled(database, Metric.EUCLIDEAN, 1)
    asked = requests()
    together = database.search.query_batch(namespace, asked)
    monkeypatch.setattr("quartzdb.storage.index.tail._SCORES_TOGETHER_MAX", 100)
    apart = database.search.query_batch(namespace, asked)
    assert [shown(answer) for answer in apart] == [shown(answer) for answer in together]


def test_a_record_that_is_missing_is_named(database: Database) -> None:
    """As in a query of its own."""
    namespace = filled(database, Metric.DOT, 1)
    with pytest.raises(RecordNotFound, match="r3"):
        database.search.query_batch(namespace, [QueryRequest(id="r3")])
