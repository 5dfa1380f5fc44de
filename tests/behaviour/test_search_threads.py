"""How many threads a search has in a program that embeds the database."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_ASKED = """
import os
from quartzdb.storage.index.engines.faiss_library import faiss_module
print(faiss_module().omp_get_max_threads(), os.environ.get("OMP_NUM_THREADS"))
"""


@pytest.mark.parametrize(("said", "threads"), [(None, "1 None"), ("3", "3 3")])
def test_a_search_has_one_thread_unless_the_program_says_otherwise(said: str | None, threads: str) -> None:
    """And the variable is left as it was, for other libraries of the program."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if said is not None:
        environment["OMP_NUM_THREADS"] = said
    ran = subprocess.run(
        [sys.executable, "-c", _ASKED], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == threads
