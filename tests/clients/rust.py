"""The Rust client in tests: built from the crates that the system has, without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from clients.conformance.scenario import SCENARIOS
from tests.clients.conftest import Served

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "rust"
CRATES = Path("/usr/share/cargo/registry")
"""Where Debian's librust-…-dev packages put them."""
BUILD_SECONDS_MAX = 900
_RUN_SECONDS_MAX = 240


class NotInstalled(Exception):
    """What is missing to build it."""


def cargo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run cargo on the client. Raises NotInstalled."""
    if shutil.which("cargo") is None:
        raise NotInstalled("not installed: cargo")
    if not list(CRATES.glob("ureq-*")):
        packages = "librust-ureq-dev librust-serde-dev librust-serde-json-dev librust-base64-dev"
        raise NotInstalled(f"not installed: {packages}")
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
        timeout=BUILD_SECONDS_MAX,
        check=False,
    )


def results(served: Served) -> dict[str, list[str]]:
    """By scenario, what was wrong. Raises NotInstalled."""
    built = cargo("build", "--example", "conformance")
    assert built.returncode == 0, built.stderr
    assert not built.stderr, "it is built without warnings"
    ran = subprocess.run(
        [ROOT / "build/rust/debug/examples/conformance", SCENARIOS],
        env={**os.environ, "QUARTZDB_URL": served.proxy, "QUARTZDB_API_KEY": served.api_key},
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS_MAX,
        check=False,
    )
    assert not ran.stderr, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    return {one["scenario"]: one["problems"] for one in found}
