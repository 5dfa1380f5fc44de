"""Each package of integrations/ in Python: its tests, run in the environment that has the frameworks.

What one of them says can be seen alone, with the database that `make run` starts:

    QUARTZDB_URL=… QUARTZDB_API_KEY=… .venv-integrations/bin/python -m pytest -c tests/integrations/inside.ini \
        --rootdir . --confcutdir tests/integrations/langchain tests/integrations/langchain
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.server_process import ServerProcess

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests/integrations"
PYTHON = ROOT / ".venv-integrations/bin/python"
PACKAGES = sorted(found.parent.name for found in ROOT.glob("integrations/*/pyproject.toml"))


@pytest.mark.parametrize("package", PACKAGES)
def test_package(package: str, server: ServerProcess, tmp_path: Path) -> None:
    """All of its tests pass: none is skipped, and none is expected to fail."""
    if not PYTHON.is_file():
        pytest.fail("The frameworks are not installed: make .venv-integrations/.stamp")
    folder = TESTS / package.replace("-", "_")
    report = tmp_path / "report.xml"
    command: list[str | Path] = [PYTHON, "-m", "pytest", "-c", TESTS / "inside.ini", "--rootdir", ROOT]
    command += ["--confcutdir", folder, "--junitxml", report, folder]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "QUARTZDB_URL": server.url, "QUARTZDB_API_KEY": server.key},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    [suite] = ElementTree.parse(report).getroot().iter("testsuite")
    # What is expected to fail is counted as skipped.
    assert suite.attrib["skipped"] == "0", done.stdout
    assert int(suite.attrib["tests"]) > 0
