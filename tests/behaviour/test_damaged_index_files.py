"""An index file that is damaged is refused, or answers with rows that are there; it never takes the process down.

Its checksum may have been computed over the damage, so nothing but the file's own structure protects native code.
More damages than usual: QUARTZDB_DAMAGES=100000.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from quartzdb.domain.metric import Metric
from quartzdb.storage.index.engines.annoy import PROJECTION_FILE, TREES_FILE
from quartzdb.storage.index.engines.hnsw import GRAPH_FILE, SPACE_FILE
from quartzdb.storage.index.engines.ivf import PRODUCT_FILE, RABITQ_FILE
from tests.damaged_indexes import Sound

DAMAGES = int(os.environ.get("QUARTZDB_DAMAGES", "2000"))
"""Of each kind of file."""
SMALL_DAMAGES = DAMAGES // 5
"""Of files of numbers, which have no structure but their header."""

KINDS = (
    ("annoy", TREES_FILE, DAMAGES),
    ("ivf", PRODUCT_FILE, DAMAGES),
    ("ivf", RABITQ_FILE, DAMAGES),
    ("hnsw", GRAPH_FILE, DAMAGES),
    ("annoy", PROJECTION_FILE, SMALL_DAMAGES),
    ("hnsw", SPACE_FILE, SMALL_DAMAGES),
)


@pytest.mark.timeout(0 if "QUARTZDB_DAMAGES" in os.environ else 120)
@pytest.mark.parametrize(("engine", "name", "damages"), KINDS)
def test_damage_is_refused_or_harmless(engine: str, name: str, damages: int, tmp_path: Path) -> None:
    """Bits flipped, numbers replaced, blocks swapped, ends cut off: no signal, no stray error, no stray row."""
    outcomes: Counter[str] = Counter()
    each = -(-damages // len(Metric))
    for place, metric in enumerate(Metric):
        directory = tmp_path / metric.value
        directory.mkdir()
        Sound(engine, metric, directory).build(name)
        done = subprocess.run(
            [
                *(sys.executable, "-X", "faulthandler", "-m", "tests.damaged_indexes"),
                *(str(directory), engine, metric.value, name, str(place * each), str((place + 1) * each)),
            ],
            capture_output=True,
            text=True,
            check=False,
            # Threads of a library would wait for each other longer than they work.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        assert done.returncode == 0, (
            f"{engine} {metric.value} {name} ended with {done.returncode}: {done.stderr[-2000:]}"
        )
        outcomes.update(json.loads(done.stdout))
    assert outcomes.total() == each * len(Metric)
    # Otherwise this would show nothing: of neither outcome may there be none.
    assert min(outcomes["refused"], outcomes["searched"]) > damages // 50
