"""Queries of a namespace with a graph: among few matching records, among all of them, and where some were deleted."""

from __future__ import annotations

from typing import Any

import pytest

from quartzdb.domain.filter import parse
from quartzdb.domain.namespace import EngineChoice, Namespace
from quartzdb.services.search import QueryAnswer, QueryRequest
from quartzdb.storage.index import scoring
from quartzdb.storage.index.engines import hnsw_index, registry
from quartzdb.storage.index.engines.hnsw_index import HnswIndex
from quartzdb.storage.index.engines.kernel_library import LIBRARY
from quartzdb.wiring.embedded import Database
from tests.embedded import embedded, fill, vector_of

pytestmark = pytest.mark.skipif(not LIBRARY.exists(), reason="there is no kernel: no C compiler was found")

DIMENSION, ROWS = 16, 3_000
Place = tuple[Database, Namespace]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One segment, with a graph, of which some rows are dead."""
    site = embedded(tmp_path_factory.mktemp("graph"))
    database = site.open()
    namespace = fill(database, site.clock, ROWS, dimension=DIMENSION, engine=EngineChoice.HNSW)
    database.records.delete(namespace, [f"r{number}" for number in range(0, 60, 3)])
    return database, namespace


def told(answer: QueryAnswer) -> Any:
    return answer.work, [(one.id, pytest.approx(one.score, abs=1e-6)) for one in answer.matches]


@pytest.mark.parametrize(
    ("condition", "recall"),
    [({"even": True}, None), ({"even": True}, 1.0), (None, 1.0), ({"n": {"$lt": 2_000}}, 0.9)],
)
def test_scans_answer_alike_with_and_without_the_index(
    place: Place, condition: dict[str, Any] | None, recall: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records, scores, how many were looked at, and that this is exact."""
    database, namespace = place
    helped: list[bool] = []
    exactly = HnswIndex.exactly

    def noted(self: HnswIndex, *arguments: Any) -> Any:
        found = exactly(self, *arguments)
        helped.append(found is not None)
        return found

    monkeypatch.setattr(HnswIndex, "exactly", noted)
    for number in range(15):
        request = QueryRequest(
            vector=vector_of(5_000 + number, DIMENSION),
            top_k=10,
            recall=recall,
            condition=None if condition is None else parse(condition),
        )
        with_index = database.search.query(namespace, request)
        assert helped == [True]
        with monkeypatch.context() as patched:
            patched.setattr(registry, "kernel", lambda: None)
            without = database.search.query(namespace, request)
        assert helped == [True]
        assert told(with_index) == told(without)
        assert with_index.work.exact
        helped.clear()


def test_few_records_are_scored_as_they_are(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is as short as this is not worth a look at codes."""
    database, namespace = place
    monkeypatch.setattr(hnsw_index.HnswIndex, "best", None)
    answer = database.search.query(
        namespace,
        QueryRequest(vector=vector_of(1, DIMENSION), top_k=10, condition=parse({"n": {"$lt": 100}})),
    )
    assert len(answer.matches) == 10
    assert answer.work.exact
    assert answer.work.rows_scored == answer.work.matches == 80


def test_which_records_are_alive_is_known_as_bits(place: Place) -> None:
    """Once for as long as none of them dies: a mask that cannot change is remembered."""
    database, namespace = place
    (part,) = database.readers.of(namespace).view().parts
    assert part.alive_count == ROWS - 20
    assert not part.alive.flags.writeable
    (again,) = database.readers.of(namespace).view().parts
    assert again.alive is part.alive


def test_deletes_leave_a_search_in_the_graph(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the dead are answered, and nothing is searched twice or for more than was asked for."""
    database, namespace = place
    monkeypatch.setattr("quartzdb.storage.index.planner.LISTED_MAX", 100)

    def refused(*_: Any) -> None:
        raise AssertionError("a search for spare rows")

    monkeypatch.setattr(scoring, "_stepping_over_the_dead", refused)
    monkeypatch.setattr(HnswIndex, "candidates", refused)
    for number in range(0, 60, 3):
        answer = database.search.query(namespace, QueryRequest(vector=vector_of(number, DIMENSION), top_k=10))
        ids = [one.id for one in answer.matches]
        assert len(ids) == 10
        assert f"r{number}" not in ids
