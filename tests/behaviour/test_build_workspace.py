"""Builds in progress: nobody's but their process's, and gone when it is."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
from pathlib import Path

from quartzdb.adapters.embedded.build_workspace import BuildWorkspace
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded

HOLD = """
import sys, time
from pathlib import Path
from quartzdb.adapters.embedded.build_workspace import BuildWorkspace
workspace = BuildWorkspace(Path(sys.argv[1]), "other")
(workspace.directory / "segment").mkdir(parents=True)
(workspace.directory / "segment" / "vectors").write_bytes(bytes(1000))
print("held", flush=True)
time.sleep(600)
"""


def test_a_killed_builder_leaves_nothing_for_long(tmp_path: Path) -> None:
    """While it lives its files are left alone; once it was killed, the next process to start removes them."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        first = BuildWorkspace(tmp_path, "first")
        assert (tmp_path / "other" / "segment" / "vectors").exists()
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    second = BuildWorkspace(tmp_path, "second")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "claims.lock",
        "first.owner",
        "second.owner",
    ]
    first.release()
    second.release()
    assert [entry.name for entry in tmp_path.iterdir()] == ["claims.lock"]


def test_a_database_claims_one_for_as_long_as_it_is_open(tmp_path: Path) -> None:
    """Two databases on one directory have two; both are given back."""
    one, two = (open_embedded(EmbeddedSettings(tmp_path)) for _ in range(2))
    assert len(list((tmp_path / "building").glob("*.owner"))) == 2
    del one, two
    gc.collect()
    assert [entry.name for entry in (tmp_path / "building").iterdir()] == ["claims.lock"]
