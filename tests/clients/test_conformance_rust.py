"""The Rust client does what every client does."""

from __future__ import annotations

import pytest

from clients.conformance.scenario import Scenario, scenarios
from tests.clients import rust
from tests.clients.conftest import Served

pytestmark = pytest.mark.timeout(rust.BUILD_SECONDS_MAX + 300)


@pytest.fixture(scope="module")
def results(served: Served) -> dict[str, list[str]]:
    """By scenario, what was wrong."""
    try:
        return rust.results(served)
    except rust.NotInstalled as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name)
def test_a_scenario(results: dict[str, list[str]], scenario: Scenario) -> None:
    """Nothing is wrong with what was answered, nor with what was sent."""
    assert results[scenario.name] == []


@pytest.mark.parametrize("which", ["--lib", "--doc"])
def test_its_own_tests_pass_and_the_examples_in_its_documentation_compile(which: str) -> None:
    """The README is the crate's front page."""
    try:
        ran = rust.cargo("test", which)
    except rust.NotInstalled as missing:
        pytest.skip(str(missing))
    assert ran.returncode == 0, ran.stdout + ran.stderr
