"""What is published installs in an empty place, and its README's example runs there word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from tests.clients.conftest import Served
from tests.clients.rust import NotInstalled, cargo
from tests.docs.examples import blocks

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
NEEDED = (
    "httpx2",
    "httpcore2",
    "h11",
    "anyio",
    "idna",
    "certifi",
    "truststore",
    "sniffio",
    "typing_extensions",
)
"""By the Python client: httpx2, and what that needs."""


def example(served: Served, language: str, folder: str) -> str:
    """The program of a README, with this server's address and key in place of those that it shows."""
    code: str
    [code] = re.findall(rf"```{language}\n(.*?)```", (CLIENTS / folder / "README.md").read_text(), re.DOTALL)
    assert "http://127.0.0.1:8787" in code
    # Each language's README has a namespace of the same name: here each gets its own.
    return (
        code.replace("http://127.0.0.1:8787", served.url)
        .replace("qdb_live_…", served.api_key)
        .replace('"books"', f'"books-{folder}"')
    )


def ran(command: list[str | Path], cwd: Path, **environment: str) -> str:
    """What a command prints."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_python(served: Served, tmp_path: Path) -> None:
    """The wheel, in an environment that has it and what it needs, and nothing of this project."""
    ran([sys.executable, "-m", "hatchling", "build", "-d", tmp_path / "built"], CLIENTS / "python")
    [wheel] = (tmp_path / "built").glob("*.whl")
    [source] = (tmp_path / "built").glob("*.tar.gz")
    with tarfile.open(source) as archive:
        assert {"README.md", "LICENSE", "CHANGELOG.md"} <= {Path(name).name for name in archive.getnames()}
    ran([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", "here", wheel], tmp_path)
    # What the client needs is taken from this environment; an isolated interpreter sees no project that is installed
    # for editing.
    libraries = Path(sysconfig.get_paths()["purelib"])
    for name in NEEDED:
        for found in (
            *libraries.glob(name),
            *libraries.glob(f"{name}.py"),
            *libraries.glob(f"{name}-*.dist-info"),
        ):
            (tmp_path / "here" / found.name).symlink_to(found)
    program = tmp_path / "example.py"
    program.write_text(f"import sys; sys.path.insert(0, 'here')\n{example(served, 'python', 'python')}")
    [block] = blocks(CLIENTS / "python/README.md", ("python",))
    said = ran([sys.executable, "-S", program], tmp_path)
    assert block.fits(said), said


def test_javascript(served: Served, tmp_path: Path) -> None:
    """The tarball, in a new project: imported, and required."""
    if not (CLIENTS / "javascript/dist/index.js").is_file():
        pytest.skip("the client for JavaScript is not built: npm is not installed")
    ran(["npm", "pack", "--silent", "--pack-destination", tmp_path], CLIENTS / "javascript")
    (tmp_path / "package.json").write_text('{"name": "new", "private": true, "type": "module"}')
    [tarball] = tmp_path.glob("*.tgz")
    ran(["npm", "install", "--silent", "--offline", "--no-audit", "--no-fund", f"./{tarball.name}"], tmp_path)
    (tmp_path / "example.js").write_text(example(served, "js", "javascript"))
    assert ran(["node", "example.js"], tmp_path).startswith("dune 0.99")
    required = 'console.log(typeof require("@quartzdb/client").QuartzDB)'
    assert ran(["node", "--input-type=commonjs", "-e", required], tmp_path) == "function\n"


def test_rust() -> None:
    """The crate has what it needs to be built, and nothing more."""
    try:
        listed = cargo("package", "--list", "--allow-dirty").stdout.split()
    except NotInstalled as missing:
        pytest.skip(str(missing))
    assert {"Cargo.toml", "README.md", "LICENSE", "CHANGELOG.md", "src/lib.rs"} <= set(listed)
    assert not [name for name in listed if name.startswith(("examples", "target"))]


def test_versions_agree() -> None:
    """Of the package and of what is told to servers."""
    python = (CLIENTS / "python/pyproject.toml").read_text()
    told = (CLIENTS / "python/src/quartzdb_client/version.py").read_text()
    assert re.search(r'^version = "(.*)"', python, re.MULTILINE)[1] == re.search(r'VERSION = "(.*)"', told)[1]  # type: ignore[index]
