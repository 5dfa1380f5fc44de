"""The cookbook: its commands, in a shell, against a server; what they print is what stands below them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

PAGE = Path(__file__).parents[2] / "docs/cookbook.md"
_BLOCK = re.compile(
    r"(?P<skipped><!-- not run: [^\n]+ -->\n)?```sh\n(?P<commands>.*?)```\n(\n```text\n(?P<printed>.*?)```\n)?",
    re.DOTALL,
)
_END = "\x1e"
"""Printed after each block."""


@dataclass(frozen=True, slots=True)
class Block:
    """Commands, and what they print: `…` stands for anything, and where lines break means nothing."""

    commands: str
    printed: str | None

    def fits(self, said: str) -> bool:
        """Whether this was printed."""
        if self.printed is None:
            return said.strip() == ""
        parts = re.sub(r"\s", "", self.printed).split("…")
        return re.fullmatch(".*".join(map(re.escape, parts)), re.sub(r"\s", "", said)) is not None


def blocks() -> list[Block]:
    """Those that are run, in order."""
    text = PAGE.read_text("utf-8")
    found = list(_BLOCK.finditer(text))
    assert len(found) == text.count("```sh\n")
    assert sum(one["printed"] is not None for one in found) == text.count("```text\n")
    return [Block(one["commands"], one["printed"]) for one in found if one["skipped"] is None]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_recipe_does_what_the_page_says(tmp_path: Path) -> None:
    """From the first one to the last, which leaves nothing."""
    recipes = blocks()
    script = "set -euo pipefail\n" + "".join(f"{one.commands}\nprintf '\\036'\n" for one in recipes)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with ServerProcess(tmp_path / "data") as server:
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,  # the command finds the database in ./data
            env={**os.environ, "PATH": path, "QUARTZDB_URL": server.url, "QUARTZDB_API_KEY": server.key},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        with server.client() as client:
            left = client.get("/namespaces").json()["namespaces"]
    *said, rest = ran.stdout.split(_END)
    assert ran.returncode == 0, (
        f"block {len(said)} fails:\n{recipes[len(said)].commands}\n{rest}\n{ran.stderr}"
    )
    wrong = [
        f"{block.commands}\nprints\n{printed}\nand not\n{block.printed}"
        for block, printed in zip(recipes, said, strict=True)
        if not block.fits(printed)
    ]
    assert wrong == []
    assert left == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "data.log"]


def test_a_block_that_prints_something_else_does_not_fit() -> None:
    """So that the test above can fail."""
    block = Block("", '{"a": 1, "version": "…",\n "b": […]}\n')
    assert block.fits('{"a":1,"version":"01.x","b":[2,3]}')
    assert not block.fits('{"a":2,"version":"01.x","b":[2,3]}')
    assert not block.fits('{"a":1,"version":"01.x","b":[2,3]} more')
    assert not Block("", None).fits("something")
    assert Block("", None).fits("\n")


def test_there_are_recipes_and_each_shows_what_it_prints() -> None:
    """All but the first block, which prepares."""
    first, *others = blocks()
    assert first.printed is None
    assert len(others) >= 20
    assert all(one.printed for one in others)
