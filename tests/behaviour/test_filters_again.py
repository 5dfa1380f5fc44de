"""A filter that comes again is answered from lists of its own, with the same rows, within bounded memory."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.metric import Metric
from quartzdb.domain.vector import Mask, Matrix, norms_of
from quartzdb.storage.index.engines.allowed_rows import LISTS_SHARE_MAX, USES_BEFORE_LISTS
from quartzdb.storage.index.engines.ivf import IvfEngine, IvfIndex
from quartzdb.storage.index.segments.stored_vectors import MappedVectors

ROWS, DIMENSION, QUERIES = 12_000, 32, 5


@pytest.fixture(scope="module", params=list(Metric))
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[IvfIndex, Matrix]:
    """An index over clumps, and queries near them."""
    metric: Metric = request.param
    directory: Path = tmp_path_factory.mktemp("ivf")
    generator = np.random.default_rng(11)
    clumps = generator.standard_normal((40, DIMENSION))
    near = clumps[generator.integers(40, size=ROWS + QUERIES)]
    vectors = (near + generator.standard_normal((ROWS + QUERIES, DIMENSION)) / 2).astype(np.float32)
    rows, queries = vectors[:ROWS], vectors[ROWS:]
    made = IvfEngine().build(rows, metric, directory, seed=3, threads=1)
    order = getattr(made, "order", None)
    if order is not None:
        rows = rows[order]
    index = IvfEngine().open(
        {name: directory / name for name in made.files},
        made.parameters,
        MappedVectors(rows, norms_of(rows)),
        metric,
    )
    assert isinstance(index, IvfIndex)
    return index, queries


def masks(shares: Sequence[float], seed: int) -> list[Mask]:
    generator = np.random.default_rng(seed)
    made = [generator.random(ROWS) < share for share in shares]
    for mask in made:
        mask.flags.writeable = False
    return made


def test_lists_of_its_own_change_no_answer(built: tuple[IvfIndex, Matrix]) -> None:
    """However often a mask has come, it finds what the same flags in a fresh array find."""
    index, queries = built
    for mask in masks([0.01, 0.1, 0.45, 0.8], seed=1):
        for _ in range(USES_BEFORE_LISTS):
            for query in queries:
                again, fresh = index.candidates(query, 10, mask), index.candidates(query, 10, mask.copy())
                assert again.tolist() == fresh.tolist()
                assert mask[again].all()


def test_memory_for_masks_is_bounded_and_given_back(built: tuple[IvfIndex, Matrix]) -> None:
    """Lists are kept of the masks used last, of half the bytes at most, and only while somebody has the mask."""
    index, queries = built
    gc.collect()
    index.candidates(queries[0], 10, masks([0.2], seed=3)[0])
    before = index.resident_bytes
    codes = index._codes
    held = masks([0.3] * 6, seed=2)
    grown = []
    for mask in held:
        for _ in range(USES_BEFORE_LISTS):
            index.candidates(queries[0], 10, mask)
        grown.append(index.resident_bytes)
    own = codes.among(held[0])
    assert own is not None
    assert grown[0] == before + own.listed_bytes
    assert 0 < own.listed_bytes < LISTS_SHARE_MAX * codes.listed_bytes
    assert max(grown) <= before + LISTS_SHARE_MAX * codes.listed_bytes
    del held, mask
    gc.collect()
    index.candidates(queries[0], 10, masks([0.2], seed=3)[0])
    assert index.resident_bytes <= before
    (wide,) = masks([0.9], seed=4)
    for _ in range(2 * USES_BEFORE_LISTS):
        index.candidates(queries[0], 10, wide)
    assert index.resident_bytes <= before


def test_flags_that_may_change_are_looked_at_each_time(built: tuple[IvfIndex, Matrix]) -> None:
    """An array that somebody can still write to is never remembered."""
    index, queries = built
    flags = np.ones(ROWS, dtype=np.bool_)
    flags[::2] = False
    for _ in range(USES_BEFORE_LISTS):
        assert flags[index.candidates(queries[0], 10, flags)].all()
        flags = np.logical_not(flags, out=flags)
