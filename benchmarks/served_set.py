"""A server over a set of vectors: what `python -m benchmarks.server` fills, starts and stops."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

NAMESPACE = "bench"
STEP_SECONDS_MAX = 1_800
STOP_SECONDS_MAX = 60

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Vectors, questions, and for each question the rows of its nearest vectors, best first."""

    name: str
    base: Vectors
    queries: Vectors
    truth: npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What it took to get the set into the database. Seconds are 0 where it was there already."""

    rows: int
    import_seconds: float
    compact_seconds: float
    engine: str
    segment_bytes: int


def load(directory: Path, rows: int | None = None) -> Dataset:
    """Read a set; with fewer rows its exact answers are found anew."""
    if not (directory / "base.npy").is_file():
        sys.exit(f"There is no base.npy in {directory}. Make the set first: python -m benchmarks.dataset")
    base = np.load(directory / "base.npy", mmap_mode="r")
    queries = np.load(directory / "queries.npy")
    if rows is None or rows >= len(base):
        return Dataset(directory.name, base, queries, np.load(directory / "gt.npy"))
    base = np.ascontiguousarray(base[:rows])
    truth = np.argsort(-(queries @ base.T), axis=1, kind="stable")[:, :10]
    return Dataset(f"{directory.name}, first {rows:,} rows", base, queries, truth)


def filled(dataset: Dataset, data_dir: Path, engine: str) -> Loaded:
    """Import the vectors and bring them to rest, unless that was done in this directory before."""
    import_seconds = compact_seconds = 0.0
    if not data_dir.is_dir():
        say(f"importing {len(dataset.base):,} vectors for {engine}")
        with tempfile.NamedTemporaryFile(suffix=".npy") as source:
            np.save(source, dataset.base)
            source.flush()
            made = ["--namespace", NAMESPACE, "--create", "--engine", engine]
            import_seconds = quartzdb("import", source.name, *made, data_dir=data_dir)["seconds"]
        say("folding and compacting")
        begun = time.monotonic()
        quartzdb("compact", data_dir=data_dir)
        compact_seconds = time.monotonic() - begun
    held = next(one for one in quartzdb("stats", data_dir=data_dir)["namespaces"] if one["name"] == NAMESPACE)
    assert held["tail_rows"] == 0
    assert held["records"] == len(dataset.base)
    (segment,) = held["segments"]
    return Loaded(held["records"], import_seconds, compact_seconds, segment["engine"], held["segment_bytes"])


def quartzdb(*arguments: str, data_dir: Path) -> Any:
    """A command's JSON answer."""
    ran = subprocess.run(
        [sys.executable, "-m", "quartzdb.cli", *arguments, "--data-dir", str(data_dir), "--json"],
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS_MAX,
        check=False,
    )
    if ran.returncode:
        sys.exit(f"quartzdb {arguments[0]} failed: {ran.stderr}")
    return json.loads(ran.stdout)


@contextmanager
def copy_of(data_dir: Path) -> Iterator[Path]:
    """A copy to write to, as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="quartzdb-bench-") as folder:
        yield Path(shutil.copytree(data_dir, Path(folder) / "data"))


@contextmanager
def server(data_dir: Path, workers: int) -> Iterator[tuple[str, str]]:
    """The URL of a running server without additions of other packages, and a key for everything."""
    say(f"starting a server with {workers} worker(s)")
    key = quartzdb("keys", "create", "--name", "bench", "--scopes", "read,write,admin", data_dir=data_dir)[
        "key"
    ]
    command = [sys.executable, "-m", "quartzdb.cli", "serve", "--plain", "--json", "--port", "0"]
    command += ["--data-dir", str(data_dir), "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                sys.exit("The server did not start; see above.")
            yield json.loads(line)["url"], key
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()


def say(text: str) -> None:
    """What is going on, on stderr."""
    print(text, file=sys.stderr, flush=True)
