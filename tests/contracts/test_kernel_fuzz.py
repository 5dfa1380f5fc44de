"""Damaged graphs and lists under the sanitizers: nothing is read beyond them, and no processor finds other rows.

A few damages here, and more by `make fuzz-kernel` (QUARTZDB_KERNEL_DAMAGES).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hatch_build import compilers
from quartzdb.domain.metric import Metric
from quartzdb.storage.index.engines.graph_builder import GraphBuilder
from quartzdb.storage.index.engines.graph_space import GraphSpace
from quartzdb.storage.index.engines.hnsw import GRAPH_FILE
from quartzdb.storage.index.engines.rotation import Rotation
from tests.contracts.test_engines import clumped

DAMAGES = int(os.environ.get("QUARTZDB_KERNEL_DAMAGES", "300"))
ROOT = Path(__file__).resolve().parents[2]
GRAPHS, LISTS = ROOT / "tests" / "kernel_fuzz.c", ROOT / "tests" / "kernel_lists_fuzz.c"
KERNEL = sorted((ROOT / "layers/quartzdb/native").glob("*.c"))
SANITIZED = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-ffp-contract=off")
ROWS, DIMENSION = 400, 40
METRICS = {Metric.COSINE: 0, Metric.DOT: 1, Metric.EUCLIDEAN: 2}


def sanitized(program: Path, directory: Path) -> Path:
    """A program with the kernel in it, built."""
    built = directory / program.stem
    for command in compilers():
        done = subprocess.run(
            [*command, "-std=c11", *SANITIZED, program, *KERNEL, "-o", built, "-lm"],
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return built
    pytest.skip("there is no C compiler with sanitizers")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one that searches damaged copies of a graph."""
    return sanitized(GRAPHS, tmp_path_factory.mktemp("fuzz"))


def graph(metric: Metric, directory: Path) -> Path:
    """A small graph's file, with upper levels."""
    vectors = clumped(ROWS, 1, DIMENSION, metric)
    rotation = Rotation.fit(vectors, metric, np.random.default_rng(1))
    builder = GraphBuilder(GraphSpace(rotation, 1e9), vectors)
    builder.add(vectors)
    builder.write(directory / GRAPH_FILE)
    return directory / GRAPH_FILE


@pytest.mark.timeout(0 if "QUARTZDB_KERNEL_DAMAGES" in os.environ else 120)
@pytest.mark.parametrize("metric", METRICS)
def test_nothing_is_read_beyond_a_damaged_file(metric: Metric, program: Path, tmp_path: Path) -> None:
    """The sanitizers end the process at the first byte, or the first sum that C leaves undefined."""
    asked = [str(graph(metric, tmp_path)), str(DIMENSION), str(METRICS[metric]), str(DAMAGES // 3), "1"]
    done = subprocess.run([program, *asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(done.stdout)
    assert outcome["refused"] + outcome["searched"] == DAMAGES // 3
    # Otherwise this would show nothing.
    assert min(outcome["refused"], outcome["searched"], outcome["damaged"]) > DAMAGES // 60
    assert outcome["told"] > outcome["searched"]
    assert len(set(outcome["sums"])) == 1


@pytest.mark.timeout(0 if "QUARTZDB_KERNEL_DAMAGES" in os.environ else 120)
def test_nothing_is_read_beyond_lists_of_any_contents(tmp_path: Path) -> None:
    """Codes, numbers of rows, values and centroids may be anything; how long lists are was checked before."""
    asked = [str(2 * DAMAGES), "1"]
    done = subprocess.run([sanitized(LISTS, tmp_path), *asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    outcome = json.loads(done.stdout)
    assert min(outcome["answered"], outcome["far"], outcome["damaged"]) > DAMAGES // 60
    assert len(set(outcome["sums"])) == 1


@pytest.mark.skipif(
    "QUARTZDB_KERNEL_DAMAGES" not in os.environ, reason="compiles a C library twice: make fuzz-kernel"
)
@pytest.mark.timeout(0)
@pytest.mark.parametrize("program", [GRAPHS, LISTS], ids=lambda program: program.stem)
def test_neon_finds_the_same_rows(program: Path, tmp_path: Path) -> None:
    """The same program for 64-bit ARM, on an emulated processor: what it finds is what this one finds."""
    emulator = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    ziglang = pytest.importorskip(
        "ziglang", reason="Zig, which compiles for ARM, is there for the layers only"
    )
    if emulator is None:
        pytest.skip("there is no emulator of ARM: apt-get install qemu-user-static")
    zig = Path(ziglang.__file__).with_name("zig")
    asked = ["300", "2"]
    if program == GRAPHS:
        file = graph(Metric.EUCLIDEAN, tmp_path)
        asked = [str(file), str(DIMENSION), str(METRICS[Metric.EUCLIDEAN]), "40", "2"]
    sums: list[int] = []
    for machine, run in (("x86_64", []), ("aarch64", [emulator])):
        built = tmp_path / machine
        flags = ["-target", f"{machine}-linux-musl", "-std=c11", "-O2", "-ffp-contract=off"]
        subprocess.run(
            [zig, "cc", *flags, program, *KERNEL, "-o", built, "-lm"],
            check=True,
            env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(ROOT / "build/layers/cache/zig")},
        )
        done = subprocess.run([*run, built, *asked], check=True, capture_output=True, text=True)
        sums += json.loads(done.stdout)["sums"]
    assert len(sums) >= 3
    assert len(set(sums)) == 1
