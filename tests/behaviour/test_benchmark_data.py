"""Sets that benchmarks grow: what is made block by block is what would be made at once, with exact answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import dataset, layered, mixtures


def unit_rows(rows: int, dimension: int = 24, seed: int = 3) -> mixtures.Floats:
    drawn: mixtures.Floats = np.random.default_rng(seed).standard_normal((rows, dimension)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn


def write_source(directory: Path, rows: int) -> Path:
    directory.mkdir()
    np.save(directory / "base.npy", unit_rows(rows))
    np.save(directory / "queries.npy", unit_rows(9, seed=4))
    (directory / "about.json").write_text(json.dumps({"source": "drawn", "rows": rows, "dimension": 24}))
    return directory


def test_a_grown_set_begins_with_the_real_rows_and_goes_on_with_others_of_unit_length() -> None:
    """A mixture is neither the row that it was mixed from nor far away from it."""
    base = unit_rows(300)
    grown = mixtures.rows_of(base, 1_000)
    assert np.array_equal(grown[:300], base)
    assert np.allclose(np.linalg.norm(grown, axis=1), 1.0, atol=1e-5)
    likeness = np.einsum("ij,ij->i", grown[300:600], base)
    assert likeness.max() < 0.999
    assert likeness.min() > 0.5
    assert len(np.unique(grown.round(6), axis=0)) == 1_000


@pytest.mark.parametrize("rows", [120, 300, 301, 950])
def test_a_larger_set_has_the_smaller_one_as_its_beginning(rows: int) -> None:
    """So that growth curves grow one set, and do not compare several."""
    base = unit_rows(300)
    assert np.array_equal(mixtures.rows_of(base, rows), mixtures.rows_of(base, 1_000)[:rows])


def test_a_set_on_disk_has_the_exact_answers(tmp_path: Path) -> None:
    """What is found block after block is what one search over everything finds."""
    source = write_source(tmp_path / "source", 300)
    made = mixtures.make(source, tmp_path / "made", 1_000, queries=5)
    base, queries = np.load(made / "base.npy"), np.load(made / "queries.npy")
    assert np.array_equal(base, mixtures.rows_of(np.load(source / "base.npy"), 1_000))
    assert len(queries) == 5
    assert np.array_equal(np.load(made / "gt.npy"), dataset.exact_answers(base, queries, 100))
    about = json.loads((made / "about.json").read_text())
    assert about["rows"] == 1_000
    assert "mixed" in about["source"]


def test_layers_become_unit_vectors_whose_parts_weigh_the_same() -> None:
    """No part of a concatenated vector decides alone, and none is all common direction."""
    drawn = (
        np.random.default_rng(5).standard_normal((200, len(layered.KEPT_LAYERS), 384)).astype(np.float32) + 3
    )
    for dimension, layers in layered.LAYERS.items():
        vectors = layered.concatenated(drawn, dimension)
        assert vectors.shape == (200, dimension)
        parts = np.linalg.norm(vectors.reshape(200, len(layers), 384), axis=2)
        assert np.allclose(parts, 1 / np.sqrt(len(layers)), atol=1e-5)
        assert abs(float((vectors @ vectors.T).mean())) < 0.05
