"""Records: inserted, got and deleted alike on every deployment, one by one and in batches."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.behaviour.http.client import refused_as_cloudflare
from tests.contracts.http.deployments import Asking
from tests.contracts.http.records import insert, vector


def test_a_record_is_inserted_got_and_deleted(http: Asking) -> None:
    """With the fields of the contract, exactly."""
    body = {"id": "dune", "vector": vector(0.5, 0.25), "metadata": {"year": 1965}}
    inserted = http.post("/api/vector/insert", body).json()
    assert (inserted["success"], inserted["id"], set(inserted)) == (
        True,
        "dune",
        {"success", "id", "message"},
    )
    assert http.get("/api/vector/get/dune").json() == body
    http.post("/api/vector/insert", {"id": "dune", "vector": vector(1)})
    assert http.get("/api/vector/get/dune").json() == {"id": "dune", "vector": vector(1), "metadata": {}}
    deleted = http.delete("/api/vector/delete/dune").json()
    assert (deleted["success"], deleted["id"], set(deleted)) == (True, "dune", {"success", "id", "message"})
    refused_as_cloudflare(http.get("/api/vector/get/dune"), 404)


def test_deleting_twice_is_fine_and_what_never_was_is_404(http: Asking) -> None:
    """With the id in the path or in the body."""
    insert(http, "a", 1)
    insert(http, "b", 1)
    for _ in range(2):
        assert http.delete("/api/vector/delete/a").status_code == 200
        assert http.delete("/api/vector/delete", json={"id": "b"}).json()["id"] == "b"
    refused_as_cloudflare(http.delete("/api/vector/delete/nobody"), 404)
    refused_as_cloudflare(http.delete("/api/vector/delete", json={"id": "nobody"}), 404)
    refused_as_cloudflare(http.delete("/api/vector/delete/a%20b"), 404)
    refused_as_cloudflare(http.get("/api/vector/get/a%2Fb"), 404)
    refused_as_cloudflare(http.delete("/api/vector/delete", json={}), 400)
    refused_as_cloudflare(http.delete("/api/vector/delete"), 400)


@pytest.mark.parametrize(
    "record",
    [
        {"id": "", "vector": vector(1)},
        {"id": "a b", "vector": vector(1)},
        {"id": "a" * 257, "vector": vector(1)},
        {"id": 3, "vector": vector(1)},
        {"vector": vector(1)},
        {"id": "a"},
        {"id": "a", "vector": []},
        {"id": "a", "vector": [1, 2, 3]},
        {"id": "a", "vector": [0.1] * 4097},
        {"id": "a", "vector": ["1"] * 384},
        {"id": "a", "vector": None},
        {"id": "a", "vector": vector(1e39)},
        {"id": "a", "vector": vector(1), "metadata": []},
        {"id": "a", "vector": vector(1), "metadata": "x"},
        {"id": "a", "vector": vector(1), "metadata": {"a": "x" * 32_768}},
    ],
)
def test_a_bad_record_is_400_alone_and_fails_alone_in_a_batch(http: Asking, record: dict[str, Any]) -> None:
    """The good ones beside it are stored."""
    refused_as_cloudflare(http.post("/api/vector/insert", record), 400)
    good = {"id": "good", "vector": vector(1)}
    answer = http.post("/api/vector/batch-insert", {"vectors": [record, good]})
    assert answer.status_code == 200
    batch = answer.json()
    assert {name: batch[name] for name in ("success", "total", "inserted", "failed")} == {
        "success": False,
        "total": 2,
        "inserted": 1,
        "failed": 1,
    }
    bad, fine = batch["results"]
    assert set(bad) == set(fine) == {"success", "id", "message"}
    assert (bad["success"], fine["success"]) == (False, True)
    assert bad["id"] == (record["id"] if isinstance(record.get("id"), str) else "")
    assert bad["message"]
    assert http.get("/api/vector/get/good").status_code == 200


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
def test_numbers_that_json_does_not_have_are_400(http: Asking, number: bytes) -> None:
    """As bad JSON."""
    body = b'{"id":"a","vector":[' + b",".join([number] * 384) + b"]}"
    refused_as_cloudflare(http.post("/api/vector/insert", content=body), 400, "invalid_json")


def test_a_whole_batch_succeeds(http: Asking) -> None:
    """Of two with one id the later stays; both succeed."""
    vectors = [{"id": f"v{n % 99}", "vector": vector(1, n), "metadata": {"n": n}} for n in range(100)]
    batch = http.post("/api/vector/batch-insert", {"vectors": vectors}).json()
    assert (batch["success"], batch["inserted"], batch["failed"]) == (True, 100, 0)
    assert [result["id"] for result in batch["results"]] == [one["id"] for one in vectors]
    assert http.get("/api/vector/get/v0").json()["metadata"] == {"n": 99}


@pytest.mark.parametrize("vectors", [[], [{"id": f"v{n}", "vector": [1]} for n in range(101)], {}, None, "x"])
def test_a_batch_has_1_to_100_records(http: Asking, vectors: object) -> None:
    """Others are refused whole."""
    refused_as_cloudflare(http.post("/api/vector/batch-insert", {"vectors": vectors}), 400)
    refused_as_cloudflare(http.post("/api/vector/batch-insert", {}), 400)


def test_a_batch_of_anything_but_objects_fails_item_by_item(http: Asking) -> None:
    """Without an id to name."""
    batch = http.post("/api/vector/batch-insert", {"vectors": [3, None, "x", []]}).json()
    assert [result["id"] for result in batch["results"]] == [""] * 4
    assert batch["failed"] == 4


def test_statistics_have_the_contracts_fields(http: Asking) -> None:
    """Also of an index that has nothing yet."""
    stats = http.get("/api/vector/stats").json()
    assert set(stats) == {
        "success",
        "algorithm",
        "num_vectors",
        "num_active",
        "num_deleted",
        "dimension",
        "deletion_ratio_percent",
        "recommendation",
    }
    assert (stats["num_vectors"], stats["dimension"], stats["deletion_ratio_percent"]) == (0, 384, "0.0")
    insert(http, "a", 1)
    stats = http.get("/api/vector/stats").json()
    assert (stats["success"], stats["num_vectors"], stats["num_active"], stats["num_deleted"]) == (
        True,
        1,
        1,
        0,
    )


def test_a_body_may_be_compressed(http: Asking) -> None:
    """With gzip; what only says so is 400."""
    document = json.dumps({"id": "a", "vector": vector(1, 2)}).encode()
    zipped = {"Content-Encoding": "gzip"}
    answer = http.post("/api/vector/insert", content=gzip.compress(document), headers=zipped)
    assert answer.status_code == 200
    assert http.get("/api/vector/get/a").json()["vector"] == vector(1, 2)
    for broken in (document, gzip.compress(document)[:-9]):
        answer = http.post("/api/vector/insert", content=broken, headers=zipped)
        refused_as_cloudflare(answer, 400, "invalid_body")


def test_numbers_come_back_as_they_were(http: Asking) -> None:
    """Vectors in the shortest form of a 32-bit float; whole numbers of metadata exactly, as far as 64 bits go."""
    numbers = [0.1, -1 / 3, 1e-7, 123456.789, 3e14, 1.1754944e-38, 16777217.0]
    metadata = {
        "largest": 2**64 - 1,
        "least": -(2**63),
        "odd": 2**53 + 1,
        "nested": [{"n": 12345678901234567}],
        "float": 0.1,
        "__proto__": {"constructor": 1},
        "text": "12345678901234567890",
        "": None,
    }
    insert(http, "a", *numbers, metadata=metadata)
    got = http.get("/api/vector/get/a")
    assert got.json()["metadata"] == metadata
    assert [f"{n:.9g}" for n in got.json()["vector"][:7]] == [
        "0.1",
        "-0.33333334",
        "1e-07",
        "123456.79",
        "3e+14",
        "1.1754944e-38",
        "16777216",
    ]
    assert http.post("/api/vector/search", {"vector": vector(1)}).json()["results"][0]["metadata"] == metadata


@pytest.mark.parametrize("depth", [32, 33])
def test_metadata_is_nested_32_levels_at_most(http: Asking, depth: int) -> None:
    """The object itself is the first."""
    metadata: dict[str, Any] = {}
    for _ in range(depth - 1):
        metadata = {"a": metadata}
    answer = http.post("/api/vector/insert", {"id": "deep", "vector": vector(1), "metadata": metadata})
    if depth <= 32:
        assert answer.status_code == 200
    else:
        refused_as_cloudflare(answer, 400, "invalid_metadata")
