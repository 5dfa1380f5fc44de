"""An import that is killed again and again writes every record, and none of those that it had written before."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.invoke import answer, run

ROWS = 6_000
BATCH = 50
KILLS = 3


@pytest.fixture(scope="module", params=["parquet", "jsonl"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each format, in row groups of no multiple of a batch."""
    matrix = np.random.default_rng(3).standard_normal((ROWS, 32)).astype(np.float32)
    path = tmp_path_factory.mktemp("source") / f"m.{request.param}"
    if request.param == "parquet":
        flat = pa.FixedSizeListArray.from_arrays(matrix.reshape(-1), 32)
        table = pa.table({"id": [f"r{n:05}" for n in range(ROWS)], "vector": flat, "n": range(ROWS)})
        pq.write_table(table, path, row_group_size=777)
        return path
    with path.open("w") as file:
        for n, row in enumerate(matrix):
            file.write(json.dumps({"id": f"r{n:05}", "vector": row.tolist(), "metadata": {"n": n}}) + "\n")
    return path


def _place(data: Path) -> int:
    """What the checkpoint says; it is replaced whole, so it can be read at any time."""
    found = list(data.glob("imports/*.json"))
    return int(json.loads(found[0].read_bytes())["position"]) if found else 0


def _versions(data: Path, out: Path) -> dict[str, str]:
    assert run(data, "export", "--namespace", "n", "--output", out).exit_code == 0
    table = pq.read_table(out, columns=["id", "quartzdb_version"])
    return dict(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))


def test_a_killed_import_writes_the_rest_and_nothing_else(tmp_path: Path, source: Path) -> None:
    """Whatever was written up to the checkpoint keeps its version; the batch after it may be written once more."""
    data = tmp_path / "data"
    command = ["import", str(source), "--namespace", "n", "--create", "--batch", str(BATCH)]
    written: dict[str, str] = {}
    place = 0
    for kill in range(1, KILLS + 1):
        process = subprocess.Popen(
            [sys.executable, "-m", "quartzdb.cli", *command, "--data-dir", str(data)],
            stderr=subprocess.DEVNULL,
        )
        while _place(data) < kill * ROWS // (KILLS + 2) and process.poll() is None:
            time.sleep(0.002)  # until so many are acknowledged: the condition is awaited
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "the import was over before it could be killed"
        now = _versions(data, tmp_path / "v.parquet")
        again = [name for name, version in written.items() if now[name] != version]
        assert all(int(name[1:]) >= place for name in again), (
            "what the checkpoint covers is not written again"
        )
        assert len(again) <= BATCH
        place = _place(data)
        assert len(now) - place in range(BATCH + 1), "the checkpoint is behind by no more than a batch"
        written = now
    done = answer(data, *command)
    assert (done["resumed_at"], done["written"]) == (place, ROWS - place)
    now = _versions(data, tmp_path / "v.parquet")
    assert sorted(now) == [f"r{n:05}" for n in range(ROWS)]
    assert all(now[name] == version for name, version in written.items() if int(name[1:]) < place)
    assert list((data / "imports").iterdir()) == []
