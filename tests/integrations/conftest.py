"""One server for all packages. Their tests need their frameworks: test_packages.py runs them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

collect_ignore = [folder.name for folder in Path(__file__).parent.iterdir() if folder.is_dir()]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("integrations") / "data") as running:
        yield running
