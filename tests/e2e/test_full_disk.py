"""A server on a disk that is really full: nothing that was acknowledged is lost, and what frees space is still done.

The disk is a file system of its own, of 56 MB, a quarter of which is kept for deletions.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.server_process import ServerProcess
from tests.small_disk import SmallDisk

DIMENSION = 512
BATCH = 500
OPTIONS = ("--disk-reserve-mb", "14")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", 56) as small:
        yield small


def batch(chance: np.random.Generator, number: int) -> list[dict[str, Any]]:
    """Records of a write, half of which `{"half": 1}` matches."""
    vectors = chance.standard_normal((BATCH, DIMENSION), np.float32)
    return [
        {
            "id": f"r{number:03}-{row:03}",
            "vector": base64.b64encode(vectors[row].tobytes()).decode(),
            "metadata": {"half": row % 2},
        }
        for row in range(BATCH)
    ]


def upsert(client: httpx.Client, namespace: str, records: list[dict[str, Any]]) -> httpx.Response:
    return client.post(f"/namespaces/{namespace}/vectors", json={"vectors": records})


def counted(client: httpx.Client, namespace: str, where: dict[str, Any] | None = None) -> int:
    body = {"filter": where} if where else {}
    answer = client.post(f"/namespaces/{namespace}/vectors/count", json=body)
    return int(answer.raise_for_status().json()["count"])


def healthy(client: httpx.Client) -> bool:
    return client.get("/health").status_code == 200


def test_a_full_disk(disk: SmallDisk, tmp_path: Path) -> None:
    """Filled by upserts until they are refused; read, restarted, emptied by every kind of deletion, written again."""
    data, log = disk.directory / "data", tmp_path / "server.log"
    chance = np.random.default_rng(20_261_129)
    there = {"docs": 0, "other": 0}
    with ServerProcess(data, *OPTIONS, log=log, before=disk.enter) as server, server.client() as client:
        for name in there:
            client.post("/namespaces", json={"name": name, "dimension": DIMENSION}).raise_for_status()
        client.put("/namespaces/docs/kv/kept", content=b"value").raise_for_status()
        records: list[dict[str, Any]] = []
        for number in count():
            name = ("docs", "other")[number % 2]
            records = batch(chance, number)
            answer = upsert(client, name, records)
            if answer.status_code != 200:
                break
            there[name] += BATCH
        refusal = answer.json()
        assert (answer.status_code, refusal["code"]) == (503, "storage_full")
        assert refusal["hint"]
        assert int(answer.headers["Retry-After"]) == 30
        assert not healthy(client)
        # Reading needs no room: what was acknowledged is there, and nothing of what was refused.
        assert {name: counted(client, name) for name in there} == there
        query = {"vector": [1.0] * DIMENSION, "top_k": 3}
        assert len(client.post("/namespaces/docs/query", json=query).json()["matches"]) == 3
        assert client.get("/namespaces/docs/kv/kept").content == b"value"

        # Deletions of every kind, with all that is written beside them.
        ids = [f"r000-{row:03}" for row in range(100)]
        once = {"Idempotency-Key": "once"}
        deleted = client.post("/namespaces/docs/vectors/delete", json={"ids": ids}, headers=once)
        assert deleted.json()["deleted"] == 100
        again = client.post("/namespaces/docs/vectors/delete", json={"ids": ids}, headers=once)
        assert again.headers["Idempotency-Replayed"] == "true"
        by_filter = client.post("/namespaces/docs/vectors/delete", json={"filter": {"half": 1}})
        there["docs"] -= 100 + by_filter.json()["deleted"]
        assert client.delete("/namespaces/docs/kv/kept").status_code == 200
        assert counted(client, "docs") == there["docs"]
        # What takes space is refused, and does not take what is kept for deletions.
        assert upsert(client, "docs", records).json()["code"] == "storage_full"
        assert not healthy(client)
        server.kill()

    with (
        ServerProcess(data, *OPTIONS, log=log, key=server.key, before=disk.enter) as server,
        server.client() as client,
    ):
        assert {name: counted(client, name) for name in there} == there
        assert server.terminate() == 0
    with (
        ServerProcess(data, *OPTIONS, log=log, key=server.key, before=disk.enter) as server,
        server.client() as client,
    ):
        assert {name: counted(client, name) for name in there} == there
        assert client.delete("/namespaces/other").status_code == 200
        disk.answer("compact", "--reclaim", "--data-dir", data)
        assert disk.free_bytes > 8 * 1024 * 1024
        assert upsert(client, "docs", records).status_code == 200
        assert healthy(client)
        assert counted(client, "docs") == there["docs"] + BATCH
        assert counted(client, "docs", {"half": 1}) == BATCH // 2
        assert server.terminate() == 0
    assert disk.answer("verify", "--data-dir", data)["ok"]
    said = log.read_text()
    assert "Traceback" not in said
    assert "disk is full" in said
