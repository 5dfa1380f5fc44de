"""The tail scores its rows as the metric does, however they came and whichever are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quartzdb.domain.change import Change, Delete, Upsert
from quartzdb.domain.hlc import Version
from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import norms_of
from quartzdb.storage.index import tail as module
from quartzdb.storage.index.tail import Tail

DIMENSION = 5


def tail_of(batches: list[int], generator: np.random.Generator) -> Tail:
    """A tail of batches of so many upserts, each followed by a deletion."""
    tail = Tail(DIMENSION, lambda _: {})
    stamp = 0
    for size in batches:
        changes: list[Change] = []
        for _ in range(size):
            stamp += 1
            vector = generator.standard_normal(DIMENSION).astype(np.float32)
            changes.append(Upsert(str(stamp), Version(stamp, "w"), vector, {}))
        changes.append(Delete(str(max(1, stamp // 2)), Version(stamp, "x")))
        tail.apply(changes)
    return tail


@given(
    st.lists(st.integers(0, 40), max_size=8),
    st.sampled_from(list(Metric)),
    st.floats(0, 1),
    st.integers(0, 2**16),
)
def test_any_rows_are_scored_as_the_metric_says(
    batches: list[int], metric: Metric, share: float, seed: int
) -> None:
    """Rows in several chunks, all of them or few: their scores are those of their vectors."""
    generator = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK_ROWS_MIN", 3)
        patch.setattr(module, "_CHUNK_ROWS_MAX", 16)
        view = tail_of(batches, generator).view(lambda: 0)
    query = generator.standard_normal(DIMENSION).astype(np.float32)
    rows = np.flatnonzero(generator.random(len(view.ids)) < share)
    vectors = np.array([view.states[row].vector for row in rows.tolist()], dtype=np.float32).reshape(
        -1, DIMENSION
    )
    wanted = metric.scores(vectors, norms_of(vectors), query)
    np.testing.assert_allclose(view.scores_at(metric, query, rows), wanted, rtol=1e-5, atol=1e-6)


def test_a_view_of_before_stays_as_it_was() -> None:
    """What was handed out before a write has the scores of then."""
    generator = np.random.default_rng(7)
    tail = tail_of([5], generator)
    query = generator.standard_normal(DIMENSION).astype(np.float32)
    before = tail.view(lambda: 0)
    scores = before.scores(Metric.COSINE, query)
    tail.apply(
        [Upsert("new", Version(10**6, "w"), query, {}), Upsert("1", Version(10**6 + 1, "w"), query, {})]
    )
    np.testing.assert_array_equal(before.scores(Metric.COSINE, query), scores)
    assert tail.view(lambda: 0).scores(Metric.COSINE, query)[-1] == pytest.approx(1.0)
