"""The built site, a server that shows it, and a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.server_process import ServerProcess


@pytest.fixture(scope="session")
def site() -> Path:
    """Where it was built."""
    return Path(os.environ["BUILT_SITE"]).resolve()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("not installed: chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium)
        yield started
        started.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """`quartzdb serve`, which shows what was built."""
    with ServerProcess(tmp_path_factory.mktemp("docs") / "data") as started:
        yield started
