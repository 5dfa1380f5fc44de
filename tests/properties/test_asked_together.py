"""A batch is answered as each of its questions would be alone, by indexes that are asked for all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from quartzdb.domain.filter import parse
from quartzdb.domain.namespace import EngineChoice, Namespace
from quartzdb.services.search import QueryAnswer, QueryRequest
from quartzdb.storage.index import planner
from quartzdb.wiring.embedded import Database
from tests.embedded import embedded, fill, fold, vector_of, write

DIMENSION, ROWS = 8, 1_300
Place = tuple[Database, Namespace]

asked: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        seed=st.integers(0, 400),
        top_k=st.sampled_from([1, 10, 10, 10, 60]),
        recall=st.sampled_from([None, None, 0.9, 1.0]),
        filtered=st.sampled_from([False, False, False, True]),
        min_score=st.sampled_from([None, None, 0.5]),
    ),
    min_size=1,
    max_size=20,
)


@pytest.fixture(scope="module", params=[EngineChoice.IVF, EngineChoice.EXACT, EngineChoice.HNSW], ids=str)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Records in a whole segment, in one with dead rows, and in the tail."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(planner, "LISTED_MAX", 100)
        site = embedded(tmp_path_factory.mktemp("together"))
        database = site.open()
        namespace = fill(database, site.clock, ROWS, dimension=DIMENSION, engine=request.param)
        database.records.delete(namespace, [f"r{number}" for number in range(0, 60, 3)])
        write(database, namespace, range(ROWS, ROWS + 1_100))
        fold(database, site.clock, namespace)
        write(database, namespace, range(ROWS + 1_100, ROWS + 1_150))
        assert len(database.readers.of(namespace).view().parts) == 2
        yield database, namespace


def question(one: dict[str, Any]) -> QueryRequest:
    return QueryRequest(
        vector=vector_of(5_000 + one["seed"], DIMENSION),
        top_k=one["top_k"],
        recall=one["recall"],
        condition=parse({"even": True}) if one["filtered"] else None,
        min_score=one["min_score"],
    )


def told(answer: QueryAnswer) -> Any:
    return answer.work, [
        (one.id, pytest.approx(one.score, abs=1e-6), one.version, one.metadata) for one in answer.matches
    ]


@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
@given(some=asked)
def test_answers_are_those_of_single_questions(place: Place, some: list[dict[str, Any]]) -> None:
    """Records, scores and what it took."""
    database, namespace = place
    requests = [question(one) for one in some]
    together = database.search.query_batch(namespace, requests)
    assert [told(one) for one in together] == [
        told(database.search.query(namespace, one)) for one in requests
    ]


def test_indexes_are_asked_once_for_those_that_are_alike(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And for a graph, which gains nothing by it, as often as there are questions."""
    database, namespace = place
    calls: list[int] = []
    parts = database.readers.of(namespace).view().parts
    for part in parts:
        index = part.segment.index
        each = index.candidates_of_each

        def counted(queries: Any, *arguments: Any, each: Any = each, **options: Any) -> Any:
            calls.append(len(queries))
            return each(queries, *arguments, **options)

        monkeypatch.setattr(index, "candidates_of_each", counted)
    requests = [QueryRequest(vector=vector_of(number, DIMENSION)) for number in range(12)]
    requests += [QueryRequest(vector=np.ones(DIMENSION, np.float32), top_k=3)]
    database.search.query_batch(namespace, requests)
    engine = parts[0].segment.shape.engine
    assert calls == ([] if engine == "hnsw" else [12] * len(parts))
