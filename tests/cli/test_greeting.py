"""What a starting server says."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.cli.serve import greeting
from quartzdb.storage.index.engines import kernel_library


def greeted(directory: Path, capsys: pytest.CaptureFixture[str]) -> str:
    greeting.greet("http://127.0.0.1:1", directory, None, keys=1, as_json=False)
    return capsys.readouterr().out


def test_it_says_what_searches_on_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As `quartzdb --version` does, with the instructions."""
    assert (
        f"Searching with: {kernel_library.kernel() or 'faiss and numpy (there is no kernel)'}\n"
        in greeted(tmp_path, capsys)
    )


def test_a_kernel_that_is_missing_is_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Searches would only be slower, and nobody would know why."""
    monkeypatch.setattr(kernel_library, "kernel", lambda: None)
    assert "there is no kernel" in greeted(tmp_path, capsys)
