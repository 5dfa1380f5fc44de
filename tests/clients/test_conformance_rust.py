"""The Rust client does what every client does. Built from the crates that the system has, without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clients.conformance.scenario import SCENARIOS, Scenario, scenarios
from tests.clients.conftest import Served

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "rust"
CRATES = Path("/usr/share/cargo/registry")
"""Where Debian's librust-…-dev packages put them."""
_BUILD_SECONDS_MAX = 900


def cargo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run cargo on the client. Skips the test where it, or a crate, is not installed."""
    if shutil.which("cargo") is None:
        pytest.skip("not installed: cargo")
    if not list(CRATES.glob("ureq-*")):
        pytest.skip(
            "not installed: librust-ureq-dev librust-serde-dev librust-serde-json-dev librust-base64-dev"
        )
    return subprocess.run(
        [
            *("cargo", "--offline", "--quiet"),
            *("--config", 'source.crates-io.replace-with="system"'),
            *("--config", f'source.system.directory="{CRATES}"'),
            *arguments,
        ],
        cwd=CLIENT,
        env={**os.environ, "CARGO_TARGET_DIR": str(ROOT / "build" / "rust")},
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS_MAX,
        check=False,
    )


@pytest.fixture(scope="module")
def results(served: Served) -> dict[str, list[str]]:
    """By scenario, what was wrong."""
    built = cargo("build", "--example", "conformance")
    assert built.returncode == 0, built.stderr
    assert not built.stderr, "it is built without warnings"
    ran = subprocess.run(
        [ROOT / "build/rust/debug/examples/conformance", SCENARIOS],
        env={**os.environ, "QUARTZDB_URL": served.proxy, "QUARTZDB_API_KEY": served.api_key},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert not ran.stderr, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    return {one["scenario"]: one["problems"] for one in found}


@pytest.mark.timeout(_BUILD_SECONDS_MAX + 300)
@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name)
def test_a_scenario(results: dict[str, list[str]], scenario: Scenario) -> None:
    """Nothing is wrong with what was answered, nor with what was sent."""
    assert results[scenario.name] == []


@pytest.mark.timeout(_BUILD_SECONDS_MAX + 300)
def test_the_examples_in_its_documentation_compile() -> None:
    """The README is the crate's front page."""
    ran = cargo("test", "--doc")
    assert ran.returncode == 0, ran.stdout + ran.stderr
