"""Recall through the whole query path: every engine, every selectivity, filters that follow the vectors or do not."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.errors import InvalidArgument
from quartzdb.domain.filter import parse
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Namespace, NamespaceSettings
from quartzdb.domain.vector import norms_of
from quartzdb.maintenance.merge_policy import all_segments
from quartzdb.services.record_rules import NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.wiring.embedded import Database
from tests.embedded import embedded, fold

ROWS = 12_000
DIMENSION = 48
QUERIES = 40
TOP_K = 10
SHARES = (0.5, 0.1, 0.01, 0.001)

Numbers = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def clustered(rows: int, seed: int) -> Numbers:
    """Vectors in clumps, as embeddings are."""
    centres = np.random.default_rng(0).standard_normal((60, DIMENSION))
    chance = np.random.default_rng(seed)
    noise = 0.7 * chance.standard_normal((rows, DIMENSION))
    drawn: Numbers = (centres[chance.integers(0, len(centres), rows)] + noise).astype(np.float32)
    return drawn


@cache
def data() -> tuple[Numbers, Numbers]:
    """The rows, and the queries, of every namespace here."""
    return clustered(ROWS, 1), clustered(QUERIES, 2)


@cache
def brute_force(metric: Metric) -> Numbers:
    """The scores of every row, for each query."""
    rows, queries = data()
    norms = norms_of(rows)
    return np.array([metric.scores(rows, norms, query) for query in queries])


class Filled:
    """A namespace in one segment, and what brute force says of it."""

    def __init__(self, directory: Path, engine: EngineChoice, metric: Metric) -> None:
        site = embedded(directory)
        self.clock = site.clock
        self.database: Database = site.open()
        self.namespace: Namespace = self.database.namespaces.create(
            "t", "n", NamespaceSettings(DIMENSION, metric, engine)
        )[0]
        self.rows, self.queries = data()
        # By chance, and by nearness to one point: matches that lie together, far from most queries.
        self.random_rank = np.random.default_rng(3).permutation(ROWS)
        self.near_rank = np.argsort(np.argsort(-(self.rows @ self.rows[0])))
        for start in range(0, ROWS, 1000):
            self.database.records.upsert(
                self.namespace, [self._record(row) for row in range(start, start + 1000)]
            )
        fold(self.database, site.clock, self.namespace)
        self.database.indexer.compact(self.namespace, all_segments)
        self.database.readers.of(self.namespace).reload()

    def recall(self, field: str | None, share: float, asked: float | None = None) -> tuple[float, bool]:
        """Mean recall@10 over the queries, and whether every answer was exact; scores are checked on the way."""
        metric = self.namespace.settings.metric
        rank = self.near_rank if field == "near" else self.random_rank
        eligible = np.flatnonzero(rank < share * ROWS) if field else np.arange(ROWS)
        condition = parse({field: {"$lt": int(share * ROWS)}}) if field else None
        hits, exact = 0, True
        for query, scores in zip(self.queries, brute_force(metric), strict=True):
            answer = self.database.search.query(
                self.namespace,
                QueryRequest(vector=query, top_k=TOP_K, condition=condition, recall=asked),
            )
            best = eligible[np.argsort(-scores[eligible])[:TOP_K]]
            found = [int(match.id) for match in answer.matches]
            assert len(found) == min(TOP_K, len(eligible))
            assert set(found) <= set(eligible.tolist())
            assert [match.score for match in answer.matches] == pytest.approx(
                scores[found].tolist(), abs=1e-3
            )
            hits += len(set(found) & set(best.tolist()))
            exact = exact and answer.work.exact
        return hits / (QUERIES * min(TOP_K, len(eligible))), exact

    def _record(self, row: int) -> NewRecord:
        metadata = {"near": int(self.near_rank[row]), "random": int(self.random_rank[row])}
        return NewRecord(str(row), self.rows[row], metadata)


ENGINES = (EngineChoice.ANNOY, EngineChoice.IVF, EngineChoice.HNSW)
"""Every one that is not exact by itself. `auto` means one of them, by the number of rows."""


@pytest.fixture(
    scope="module",
    params=[(EngineChoice.AUTO, Metric.COSINE), *product(ENGINES, Metric)],
    ids=lambda pair: "-".join(map(str, pair)),
)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """One namespace per engine and metric."""
    return Filled(tmp_path_factory.mktemp("recall") / "data", *request.param)


def test_recall_without_a_filter(filled: Filled) -> None:
    """At least .95 of the true ten."""
    assert filled.recall(None, 1.0)[0] >= 0.95


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("field", ["random", "near"])
def test_filtered_recall_does_not_collapse(filled: Filled, field: str, share: float) -> None:
    """At least .97 at every selectivity; .99 where all matches are scored exactly."""
    recall, exact = filled.recall(field, share)
    assert recall >= (0.99 if exact else 0.97)


@pytest.mark.parametrize("engine", ENGINES, ids=str)
def test_deleted_records_cost_no_recall(engine: EngineChoice, tmp_path: Path) -> None:
    """Neither a tenth of the rows deleted at random, nor a whole neighbourhood around the queries."""
    filled = Filled(tmp_path / "data", engine, Metric.COSINE)
    near_queries = np.argsort(-(filled.rows @ filled.queries[0]))[:600].tolist()
    at_random = np.random.default_rng(5).choice(ROWS, ROWS // 10, replace=False).tolist()
    gone = {str(row) for row in [*near_queries, *at_random]}
    filled.database.records.delete(filled.namespace, sorted(gone))
    for step in ("in the tail", "folded"):
        if step == "folded":
            fold(filled.database, filled.clock, filled.namespace)
        hits = 0
        kept = np.array([row for row in range(ROWS) if str(row) not in gone])
        for query, scores in zip(filled.queries, brute_force(Metric.COSINE), strict=True):
            answer = filled.database.search.query(filled.namespace, QueryRequest(vector=query, top_k=TOP_K))
            best = kept[np.argsort(-scores[kept])[:TOP_K]]
            found = {int(match.id) for match in answer.matches}
            assert len(found) == TOP_K
            assert not {str(row) for row in found} & gone
            hits += len(found & set(best.tolist()))
        assert hits / (QUERIES * TOP_K) >= 0.95


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_recall_of_one_scores_every_match(filled: Filled, share: float) -> None:
    """Whatever the engine, with and without a filter: the answer says so, and is brute force's."""
    recall, exact = filled.recall("random" if share < 1 else None, share, asked=1.0)
    assert exact
    assert recall >= 0.999


@pytest.mark.parametrize("asked", [0.49, 1.01, -1.0, 95.0, float("nan")])
def test_a_recall_that_is_no_share_is_refused(filled: Filled, asked: float) -> None:
    """With the field at fault."""
    request = QueryRequest(vector=filled.queries[0], recall=asked)
    with pytest.raises(InvalidArgument, match=r"recall must be 0\.5 to 1") as refusal:
        filled.database.search.query(filled.namespace, request)
    assert refusal.value.field == "recall"
