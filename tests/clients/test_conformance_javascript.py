"""The client for JavaScript does what every client does, in Node.js, in workerd and in a browser."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from clients.conformance.scenario import Scenario, scenarios
from local.workerd import binary
from tests.clients import javascript
from tests.clients.conftest import Served

BUNDLE_BYTES_MAX = 12 * 1024


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    if not (javascript.CLIENT / "dist/index.js").is_file():
        pytest.skip("the client for JavaScript is not built: npm is not installed")


@pytest.fixture(scope="module")
def results(
    served: Served, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """By scenario, what was wrong in the place that is asked for."""
    place: str = request.param
    if place == "Node.js":
        found = javascript.in_node(served)
    elif place == "workerd":
        if binary() is None:
            pytest.skip("not installed: workerd")
        found = javascript.in_workerd(served, tmp_path_factory.mktemp("workerd"))
    else:
        if shutil.which("chromium") is None:
            pytest.skip("not installed: chromium")
        found = javascript.in_chromium(served)
    return javascript.by_scenario(found)


PLACES = ["Node.js", "workerd", "Chromium"]


@pytest.mark.parametrize("results", PLACES, indirect=True, scope="module")
@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name)
def test_a_scenario(
    results: dict[str, list[str]], scenario: Scenario, request: pytest.FixtureRequest
) -> None:
    """Nothing is wrong with what was answered, nor with what was sent."""
    if "Chromium" in request.node.name and "browser" in scenario.document.get("not_in", ()):
        assert scenario.name not in results
        return
    assert results[scenario.name] == []


def test_it_is_small() -> None:
    """As a page loads it."""
    assert len(gzip.compress((javascript.CLIENT / "dist/index.js").read_bytes())) <= BUNDLE_BYTES_MAX


def test_every_kind_of_project_can_import_it() -> None:
    """Types and modules, by what packages are checked with."""
    ran = subprocess.run(
        ["npm", "run", "--silent", "check"],
        cwd=javascript.CLIENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_it_needs_nothing_else() -> None:
    """No dependency at run time."""
    package = (javascript.CLIENT / "package.json").read_text()
    assert '"dependencies"' not in package
    assert not any(
        line.startswith(("import ", "const require"))
        for line in Path(javascript.CLIENT / "dist/index.js").read_text().splitlines()
    )
