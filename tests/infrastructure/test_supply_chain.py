"""What is installed is what was looked at: hashes, no scripts, no unknown licences."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from supply_chain.licences import Package, installed

ROOT = Path(__file__).resolve().parents[2]
INSTALLERS = ("Makefile", ".ci/install", ".ci/rie")


def commands(name: str) -> list[str]:
    """The lines of a script, each with those that continue it, without comments."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for variable, value in re.findall(r"^([A-Z_]+) = (.*)$", text, flags=re.MULTILINE):
        text = text.replace(f"$({variable})", value)
    return [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", INSTALLERS)
def test_pip_installs_nothing_without_a_hash(name: str) -> None:
    """But this project, which is here; and no build takes the newest of what builds it."""
    installing = [line for line in commands(name) if re.search(r"\bpip\b.*\binstall\b", line)]
    assert installing
    for line in installing:
        this_project = "--no-deps" in line and re.search(r"--editable (\.|clients/)", line) is not None
        assert "--require-hashes" in line or this_project, line
        assert "--no-build-isolation" in line or "--only-binary :all:" in line, line


def test_npm_runs_no_scripts_of_packages() -> None:
    """Neither in make nor in the deployment on one machine."""
    for name, call in (("Makefile", "npm ci"), ("local/cdk_command.py", '[npm, "ci"')):
        _, *calls = (ROOT / name).read_text().split(call)
        assert calls
        assert all(re.match(r"[ ,\"]*--ignore-scripts\b", rest) for rest in calls)


def test_what_builds_this_project_has_the_version_that_is_locked() -> None:
    """A build from pyproject.toml alone, elsewhere, uses the same."""
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    locked = (ROOT / "requirements-build.txt").read_text()
    for requirement in required:
        assert f"\n{requirement} \\\n    --hash=sha256:" in locked


@pytest.mark.parametrize(
    ("licence", "refused"),
    [
        ("MIT", set()),
        ("BSD-3-Clause AND (MIT OR Apache-2.0)", set()),
        ("GPL-3.0-only", {"GPL-3.0-only"}),
        ("MIT OR AGPL-3.0-or-later", {"AGPL-3.0-or-later"}),
        ("", {"unknown"}),
    ],
)
def test_licences_that_are_not_allowed(licence: str, refused: set[str]) -> None:
    """Each that a package names must be allowed; one that names none is refused."""
    assert Package("some", "1", licence).refused == refused


def test_what_is_installed_is_allowed() -> None:
    """`make lint` says the same, and that the page is current."""
    assert [package for package in installed() if package.refused] == []
