"""What the pages load is what the registry's packages have, and is loaded with its hash."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from quartzdb_platform import console
from quartzdb_platform.console.page import integrity

STATIC = Path(console.__file__).parent / "static"
ASSETS = Path(__file__).parents[3] / "layers/platform/assets"
COPIES = {
    "vendor/htmx.min.js": "htmx.org/dist/htmx.min.js",
    "vendor/uPlot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "vendor/uPlot.min.css": "uplot/dist/uPlot.min.css",
}


def test_every_copy_is_the_package_s_file() -> None:
    """Byte for byte; the package itself was checked by npm against the lock file."""
    assert {str(file.relative_to(STATIC)) for file in STATIC.glob("vendor/*")} == set(COPIES)
    if not (ASSETS / "node_modules").exists():
        pytest.skip("not installed: the console's assets (needs npm)")
    for copy, original in COPIES.items():
        assert (STATIC / copy).read_bytes() == (ASSETS / "node_modules" / original).read_bytes()


def test_every_package_is_pinned_with_its_hash() -> None:
    """To one version."""
    locked = json.loads((ASSETS / "package-lock.json").read_text())["packages"]
    assert all("integrity" in package for path, package in locked.items() if path)
    asked = json.loads((ASSETS / "package.json").read_text())
    versions = {**asked["dependencies"], **asked["devDependencies"]}
    assert all(re.fullmatch(r"[\d.]+", version) for version in versions.values())


def test_hashes_are_those_of_the_files() -> None:
    """As browsers write them."""
    assert re.fullmatch(r"sha384-[A-Za-z0-9+/]{64}", integrity("console.css"))
