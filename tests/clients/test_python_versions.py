"""The Python client is for older versions of Python than the database; `make clients-matrix` tries all at length."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.matrix import PAGE, VERSIONS, interpreter

SOURCE = Path(__file__).parents[2] / "clients" / "python" / "src"


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_imported_without_a_warning_and_all_of_it_compiles(version: str) -> None:
    """What it sends with is not needed for that."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"not installed: Python {version}")
    code = f"""
import sys; sys.path.insert(0, {str(SOURCE)!r})
import pathlib, quartzdb_client
for path in pathlib.Path({str(SOURCE)!r}).rglob("*.py"):
    compile(path.read_text(encoding="utf-8"), str(path), "exec")
print(quartzdb_client.VERSION)
"""
    ran = subprocess.run(
        [python, "-I", "-B", "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_page_speaks_of_every_version() -> None:
    """That it is tried on, or would be."""
    rows = re.findall(r"^\| (3\.\d+)\S* \|", PAGE.read_text(), re.MULTILINE)
    assert tuple(rows) == VERSIONS
    packaged = (SOURCE.parent / "pyproject.toml").read_text()
    assert all(f"Python :: {version}" in packaged for version in VERSIONS)
