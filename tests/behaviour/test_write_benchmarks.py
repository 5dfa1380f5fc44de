"""The benchmarks of writing and of growth, on a few hundred records: what they report is what happened."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import filling
from benchmarks.growth import results
from benchmarks.growth.build import build
from benchmarks.growth.case import Case, Step
from benchmarks.growth.memory import AnonymousPeak, memory
from benchmarks.growth.serve import serve
from benchmarks.writes import acknowledged, indexing, unindexed
from benchmarks.writes.stack_sampler import OTHER, part_of
from quartzdb.domain.namespace import EngineChoice, Precision

ROWS = 700


@pytest.fixture(scope="module")
def vectors() -> filling.Floats:
    drawn: filling.Floats = np.random.default_rng(8).standard_normal((ROWS, 16)).astype(np.float32)
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn


def test_a_share_of_the_records_is_what_a_filter_on_share_allows() -> None:
    """Of any part of them, not only of all."""
    shares = filling.share_of(np.arange(100_000))
    assert set(shares.tolist()) == set(range(100))
    assert shares[1234] == filling.share_of(1234)
    for start in range(0, 100_000, 10_000):
        assert 0.08 < float(np.mean(shares[start : start + 10_000] < 10)) < 0.12


def test_every_acknowledged_record_is_counted_and_none_is_left_behind(
    vectors: filling.Floats, tmp_path: Path
) -> None:
    """Databases of a benchmark go with it."""
    run = acknowledged.measure(tmp_path, vectors, 100, indexer=True)
    assert run.records == ROWS
    assert run.p99_ms >= run.p50_ms > 0
    assert list(tmp_path.iterdir()) == []


def test_the_tail_grows_through_the_sizes_asked_for(vectors: filling.Floats, tmp_path: Path) -> None:
    """Nothing is folded meanwhile."""
    lines = list(unindexed.measure(tmp_path, vectors, vectors[:20], (200, 600)))
    assert [line.rows for line in lines] == [200, 600]
    assert all(line.cpu_ms > 0 for line in lines)


def test_indexing_ends_with_all_records_in_segments(vectors: filling.Floats, tmp_path: Path) -> None:
    """What was put is never less than what is left."""
    run = indexing.measure(tmp_path, vectors, None)
    assert run.records == ROWS
    assert run.segments == 1
    assert run.amplification >= 1.0
    assert run.bytes_left > ROWS * 16 * 4


def test_growth_is_measured_from_a_database_built_and_then_opened(
    vectors: filling.Floats, tmp_path: Path
) -> None:
    """Answers of exact segments are exact, so their recall is 1 with every filter, or it is computed wrongly."""
    np.save(tmp_path / "base.npy", vectors)
    np.save(tmp_path / "queries.npy", vectors[:15] + np.float32(0.01))
    case = Case(16, EngineChoice.AUTO, Precision.F32, 600)
    step = Step(case, tmp_path, tmp_path / "database", batch=100, queries=15, seconds=0.01, memory_gb=None)
    built, served = build(step), serve(step)
    assert built["segment_bytes"]["vectors"] == 600 * (16 * 4 + 4)
    assert built["disk_bytes"] > sum(built["segment_bytes"].values())
    assert served["query"]["recall"] == 1.0
    assert [one["recall"] for one in served["filtered"].values()] == [1.0, 1.0]
    built["peak_anonymous_bytes"] = memory().anonymous_bytes
    result = {"rows": 600, "dimension": 16, "build": built, "serve": served}
    results.store(tmp_path, case, result)
    assert results.load(tmp_path, case) == result
    assert results.table([result]).splitlines()[2].startswith("| 600 | 16 | ")


def test_a_case_is_read_back_from_its_name() -> None:
    """It is how a process is told what to measure."""
    case = Case(768, EngineChoice.IVF, Precision.F16, 1_000_000)
    assert Case.parse(case.name) == case


def test_memory_is_counted() -> None:
    """A process that holds more has had more at its peak."""
    before = memory()
    with AnonymousPeak() as peak:
        block = np.ones(8_000_000)
        assert memory().peak_bytes >= before.peak_bytes
        assert memory().anonymous_bytes >= before.anonymous_bytes + block.nbytes // 2
    assert peak.bytes >= before.anonymous_bytes + block.nbytes // 2


def test_time_is_counted_where_it_was_spent() -> None:
    """By files and functions anywhere on the stack; an unknown one is the rest."""
    place = {"look": lambda: part_of(sys._getframe())}
    exec(compile("def decode_entry():\n    return look()", "/any/quartzdb/log/codec.py", "exec"), place)
    assert place["decode_entry"]() == "decoding log entries"
    assert part_of(None) == OTHER
