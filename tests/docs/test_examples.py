"""Code blocks of the documentation do what the pages say: shell and Python, each page by itself, against a real server.

Programs in other languages are run by tests/site/test_programs.py; what is run where is in where_run.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docsite.sources import DOCS, ROOT
from tests.docs.examples import Block, blocks
from tests.docs.where_run import is_tour, run_as_examples
from tests.server_process import ServerProcess

AFTER_THE_TOUR = {"queries.md", "changes.md"}
"""Pages that go on with what the quick tour of the README made."""
_END = "\x1e"
"""Printed after each block."""
_PYTHON = (
    "import json, sys\nspace = {}\n"
    f"for code in json.load(sys.stdin):\n    exec(code, space)\n    print(end={_END!r}, flush=True)\n"
)
_SHELL = """set -euo pipefail
JSON="Content-Type: application/json"
"""
_WELL = 'curl() { command curl -sS --fail-with-body "$@"; }\n'
"""Where an answer is not shown it must be a good one."""


def pages() -> list[str]:
    """Those with blocks that are run."""
    return [str(page.relative_to(DOCS)) for page in sorted(DOCS.rglob("*.md")) if run_as_examples(page)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all pages; each leaves nothing, or namespaces of names of its own."""
    with ServerProcess(tmp_path_factory.mktemp("examples") / "data") as started:
        yield started


@pytest.mark.parametrize("page", pages())
def test_each_page_does_what_it_says(page: str, server: ServerProcess, tmp_path: Path) -> None:
    """From its first block to its last; what a block prints is what stands below it, where something does."""
    run = run_as_examples(DOCS / page)
    shell = [one for one in run if one.language == "sh"]
    python = [one for one in run if one.language == "python"]
    before = [_tour()] if page in AFTER_THE_TOUR else []
    said = _shell([*before, *shell], server, tmp_path)[len(before) :] + _python(python, server, tmp_path)
    for block, printed in zip([*shell, *python], said, strict=True):
        # What a shell prints is shown where it matters; what Python prints is all of it.
        if block.printed is not None or block.language == "python":
            assert block.fits(printed), f"{block.code}\nprints\n{printed}\nand not\n{block.printed}"
    _forget(server)


def test_the_quick_tour_runs(server: ServerProcess, tmp_path: Path) -> None:
    """That of the README, with the address and the key of this server."""
    _shell([_tour()], server, tmp_path)
    _forget(server)


def test_every_recipe_of_the_cookbook_shows_what_it_prints() -> None:
    """All but the first block, which prepares."""
    first, *others = (one for one in blocks(DOCS / "cookbook.md") if one.reason is None)
    assert first.printed is None
    assert len(others) >= 20
    assert all(one.printed for one in others)


def test_a_block_that_prints_something_else_does_not_fit() -> None:
    """So that the tests above can fail."""
    block = Block("sh", "", '{"a": 1, "version": "…",\n "b": […]}\n', None)
    assert block.fits('{"a":1,"version":"01.x","b":[2,3]}')
    assert not block.fits('{"a":2,"version":"01.x","b":[2,3]}')
    assert not block.fits('{"a":1,"version":"01.x","b":[2,3]} more')
    assert not Block("python", "", None, None).fits("something")
    assert Block("python", "", None, None).fits("\n")


def _tour() -> Block:
    """The README's block of requests, without its address and key."""
    (tour,) = filter(is_tour, blocks(ROOT / "README.md"))
    lines = [line for line in tour.code.splitlines() if not line.startswith(("URL=", "AUTH=", "JSON="))]
    return Block("sh", "\n".join(lines) + "\n", None, None)


def _shell(run: list[Block], server: ServerProcess, folder: Path) -> list[str]:
    script = _SHELL + "".join(
        f"{_WELL if one.printed is None else 'unset -f curl'}\n{one.code}\nprintf '\\036'\n" for one in run
    )
    return _said(["bash", "-c", script], None, run, server, folder)


def _python(run: list[Block], server: ServerProcess, folder: Path) -> list[str]:
    return _said([sys.executable, "-c", _PYTHON], json.dumps([one.code for one in run]), run, server, folder)


def _said(
    command: list[str], given: str | None, run: list[Block], server: ServerProcess, folder: Path
) -> list[str]:
    if not run:
        return []
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "QUARTZDB_URL": server.url,
        "QUARTZDB_API_KEY": server.key,
        "QUARTZDB_DATA_DIR": str(server.ready["data_dir"]),
        "URL": f"{server.url}/v1",
        "AUTH": f"Authorization: Bearer {server.key}",
    }
    ran = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    *said, rest = ran.stdout.split(_END)
    assert ran.returncode == 0, f"block {len(said)} fails:\n{run[len(said)].code}\n{rest}\n{ran.stderr}"
    return said


def _forget(server: ServerProcess) -> None:
    with server.client() as client:
        for one in client.get("/namespaces").json()["namespaces"]:
            client.delete(f"/namespaces/{one['name']}").raise_for_status()
