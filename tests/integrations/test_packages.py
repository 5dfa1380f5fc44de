"""Each package of integrations/ in Python: its tests, run in the environment that has the frameworks.

What one of them says can be seen alone, with the database that `make run` starts:

    QUARTZDB_URL=… QUARTZDB_API_KEY=… .venv-integrations/bin/python -m pytest -c tests/integrations/inside.ini \
        --rootdir . --confcutdir tests/integrations/langchain tests/integrations/langchain
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tomllib
from email.parser import Parser
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

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


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_published(package: str, tmp_path: Path) -> None:
    """A wheel with the modules, their types and the licence; it needs the client, and nothing of the database."""
    folder = ROOT / "integrations" / package
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    build: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "-d", tmp_path]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)
    [wheel], [source] = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    with ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        [told] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(told).decode())
    source_folder = folder / "src"
    there = {str(one.relative_to(source_folder)) for one in source_folder.rglob("*") if one.suffix == ".py"}
    assert set(names) == there | {name for name in names if name.endswith("/py.typed")} != there
    changes = (folder / "CHANGELOG.md").read_text()
    assert f"## {metadata['Version']}" in changes or "## Unreleased" in changes
    assert (metadata["Name"], metadata["License-Expression"]) == (project["name"], "MIT")
    needed = {one.partition(">=")[0] for one in metadata.get_all("Requires-Dist") or []}
    assert "quartzdb-python" in needed
    assert "quartzdb" not in needed
    with tarfile.open(source) as archive:
        assert {"README.md", "LICENSE", "CHANGELOG.md"} <= {Path(name).name for name in archive.getnames()}


@pytest.mark.parametrize(
    "shared",
    [
        "haystack/src/haystack_integrations",
        "haystack/src/haystack_integrations/components",
        "haystack/src/haystack_integrations/components/retrievers",
        "haystack/src/haystack_integrations/document_stores",
        "llama-index/src/llama_index",
        "llama-index/src/llama_index/vector_stores",
    ],
)
def test_other_packages_may_stand_beside(shared: str) -> None:
    """A namespace that many packages share has no module of its own: it would hide theirs."""
    assert not (ROOT / "integrations" / shared / "__init__.py").exists()
