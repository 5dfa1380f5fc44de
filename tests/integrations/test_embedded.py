"""A store without a server: the database is in the same process, where its package is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FRAMEWORKS = sorted((Path(__file__).parents[2] / ".venv-integrations/lib").glob("python3.*/site-packages"))

# This interpreter has the database, and is told where the frameworks are. What both environments have is of one
# version: the lock of the one is made under the other's.
PROGRAM = """
import asyncio, site, sys
site.addsitedir(sys.argv[1])
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_quartzdb import QuartzDBVectorStore
from quartzdb_client import AsyncClient, Client

model, path, texts = DeterministicFakeEmbedding(size=8), sys.argv[2], ["A cat sleeps.", "A hen wakes."]

with Client.embedded(path) as client:
    store = QuartzDBVectorStore.from_texts(texts, model, namespace="animals", client=client)
    print([one.page_content for one in store.similarity_search("hens", 1, mode="hybrid")])

async def main():
    async with AsyncClient.embedded(path) as client:
        store = QuartzDBVectorStore(model, namespace="animals", async_client=client)
        print([one.page_content for one in await store.asimilarity_search("cats", 1, mode="hybrid")])

asyncio.run(main())
"""


def test_langchain(tmp_path: Path) -> None:
    """With the clients that are given, synchronous and then asynchronous over the same directory."""
    if not FRAMEWORKS:
        pytest.fail("The frameworks are not installed: make .venv-integrations/.stamp")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, FRAMEWORKS[0], tmp_path / "data"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("['A hen wakes.']\n['A cat sleeps.']\n", 0), done.stderr
