"""For whoever has nothing yet: an installation says what the machine lacks, the site needs no more than a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docsite.sources import ROOT

_PYTHON = f"""#!/bin/sh
case "$*" in
*"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*"pip install"*) exit 3 ;;
*"pip --version"*) ;;
*) exec {sys.executable} "$@" ;;
esac
"""
"""A Python whose pip can install nothing."""
_IMPORTED = """
import sys
before = set(sys.modules)
import docsite.building, docsite.finishing, docsite.made, docsite.plain, docsite.staging
import importlib.metadata as metadata
owners = metadata.packages_distributions()
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*{owner for name in names for owner in owners.get(name, ())})
"""


@pytest.mark.parametrize(("compiler", "lacking"), [("no-such-c++", True), ("sh", False)])
def test_an_installation_that_fails_says_what_the_machine_lacks(
    tmp_path: Path, compiler: str, lacking: bool
) -> None:
    """At the end, below all that pip says, and how to get it."""
    shutil.copy(ROOT / ".ci/install", tmp_path / "install")
    python = tmp_path / "python"
    python.write_text(_PYTHON, "utf-8")
    python.chmod(0o755)
    ended = subprocess.run(
        ["sh", "install", str(python), "requirements.txt"],
        cwd=tmp_path, env={**os.environ, "CXX": compiler, "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 3
    assert ".ci/install failed while installing" in ended.stderr
    assert ("- a C++ compiler (no-such-c++)" in ended.stderr) is lacking
    assert ("apt install" in ended.stderr) is (lacking or "headers" in ended.stderr)


def test_the_documentation_is_built_with_what_the_database_is_installed_with() -> None:
    """`make docs` of a fresh clone needs no tools of those who change the project, which take some minutes."""
    ran = subprocess.run(
        [sys.executable, "-c", _IMPORTED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    locked = set(
        re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    )
    used = {re.sub(r"[._]+", "-", name.lower()) for name in ran.stdout.split()}
    assert "pyyaml" in used
    assert used - locked - {"quartzdb"} == set()
    (target,) = re.findall(r"^docs: (.*?) ##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert target == "$(RUNTIME) $(DOCS)"
