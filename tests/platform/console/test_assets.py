"""What the pages load is what the registry's packages have, and is loaded with its hash."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from quartzdb_platform import console
from quartzdb_platform.console.modules import below, module, needed, version
from quartzdb_platform.console.page import ROOT, integrity

STATIC = Path(console.__file__).parent / "static"
ASSETS = Path(__file__).parents[3] / "layers/platform/assets"
COPIES = {
    "vendor/htmx.min.js": "htmx.org/dist/htmx.min.js",
    **{
        f"vendor/hyparquet/{file.name}": f"hyparquet/src/{file.name}"
        for file in STATIC.glob("vendor/hyparquet/*.js")
    },
    "vendor/hyparquet/LICENSE": "hyparquet/LICENSE",
    "vendor/uPlot.iife.min.js": "uplot/dist/uPlot.iife.min.js",
    "vendor/uPlot.min.css": "uplot/dist/uPlot.min.css",
}


def test_every_copy_is_the_package_s_file() -> None:
    """Byte for byte; the package itself was checked by npm against the lock file."""
    copied = {str(file.relative_to(STATIC)) for file in STATIC.rglob("vendor/**/*") if file.is_file()}
    assert copied == set(COPIES)
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


def test_a_module_is_loaded_with_the_hash_of_all_that_it_imports() -> None:
    """From a folder whose name is of their content: another name there is no file."""
    own = module("data/namespaces.js")
    assert own.url == f"{ROOT}/assets/{version()}/data/namespaces.js"
    names = [one.url.rpartition("/")[2] for one in needed("data/namespaces.js")]
    assert names == ["api.js", "dom.js", "format.js", "problem.js", "settings.js"]
    hashes = [one.integrity for one in needed("data/namespaces.js")]
    assert hashes == [integrity(f"data/{name}") for name in names]
    assert below(f"{version()}/data/api.js") == Path("data/api.js")
    assert below("m-000000000000/data/api.js") == Path("m-000000000000/data/api.js")


@pytest.mark.parametrize("script", sorted((STATIC / "data").glob("*.js")), ids=lambda file: str(file.name))
def test_what_a_module_imports_is_seen(script: Path) -> None:
    """Each import is written so that it is found: one that is not would be loaded without its hash."""
    text = script.read_text("utf-8")
    static = re.findall(r"^\s*(?:import|export)\b[^(]*?from\s|^import\s*[\"']", text, re.MULTILINE)
    direct = re.findall(r'^(?:import|export)\b[^"\n]*?from "\.[^"]+";|^import "\.[^"]+";', text, re.MULTILINE)
    assert len(static) == len(direct)
