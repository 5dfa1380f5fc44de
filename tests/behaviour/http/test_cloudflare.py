"""The Cloudflare-compatible surface keeps that deployment's contract, so that a switched client does not notice."""

from __future__ import annotations

import random
from typing import Any

import pytest

from quartzdb.domain.limits import VALUE_BYTES_MAX
from tests.behaviour.http.client import Client, refused_as_cloudflare

ANYBODY = {"access-control-allow-origin": "*"}


def vector(*first: float) -> list[float]:
    """A vector of the default namespace, which has 384 dimensions."""
    return [*first, *([0.0] * (384 - len(first)))]


def insert(http: Client, record_id: str, *first: float, **more: Any) -> None:
    body = {"id": record_id, "vector": vector(*first), **more}
    assert http.post("/api/vector/insert", body).status_code == 200


def test_a_text_is_put_got_and_deleted(http: Client) -> None:
    """With the fields of the contract, exactly."""
    put = http.post("/api/put", {"key": "greeting", "value": "grüß dich 💎\u0000"})
    assert (put.status_code, set(put.json())) == (200, {"success", "key", "message"})
    assert put.json()["success"] is True
    assert put.json()["key"] == "greeting"
    got = http.get("/api/get/greeting")
    assert got.json() == {
        "success": True,
        "key": "greeting",
        "value": "grüß dich 💎\u0000",
        "source": "storage",
    }
    deleted = http.delete("/api/delete/greeting")
    assert (deleted.status_code, set(deleted.json())) == (200, {"success", "key", "message"})
    refused_as_cloudflare(http.get("/api/get/greeting"), 404, "key_not_found")
    assert http.delete("/api/delete/greeting").status_code == 200


@pytest.mark.parametrize(
    ("path", "key"), [("a%2Fb", "a/b"), ("a/b", "a/b"), ("%C3%A9", "é"), ("%2E%2E", "..")]
)
def test_keys_arrive_as_they_are(http: Client, path: str, key: str) -> None:
    """Whatever is in them."""
    http.post("/api/put", {"key": key, "value": "v"})
    assert http.get(f"/api/get/{path}").json()["key"] == key
    assert http.delete(f"/api/delete/{path}").json()["key"] == key
    refused_as_cloudflare(http.get(f"/api/get/{path}"), 404)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b"{}",
        b'{"key":"k"}',
        b'{"value":"v"}',
        b'{"key":"","value":"v"}',
        b'{"key":3,"value":"v"}',
        b'{"key":"k","value":3}',
        b'{"key":"k","value":null}',
        b'{"key":"k","value":{}}',
        b'{"key":"' + b"k" * 513 + b'","value":"v"}',
        b'{"key":"k","value":"\\ud800"}',
        b'{"key":"k","value":NaN}',
    ],
)
def test_a_bad_put_is_400(http: Client, body: bytes) -> None:
    """Whatever is wrong with it."""
    refused_as_cloudflare(http.post("/api/put", content=body), 400)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json; charset=utf-8", "x"])
def test_the_content_type_is_not_looked_at(http: Client, content_type: str | None) -> None:
    """That deployment does not either."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = http.post("/api/put", content=b'{"key":"k","value":"v","more":1}', headers=headers)
    assert answer.status_code == 200


def test_ten_megabytes_go_in_and_out(http: Client) -> None:
    """Also where every character is escaped, six bytes for one; one more is 400."""
    value = "".join(random.Random(2).choices("\u0000ab", k=VALUE_BYTES_MAX))
    escaped = '{"key":"large","value":"' + "".join(f"\\u{ord(c):04x}" for c in value) + '"}'
    assert http.post("/api/put", content=escaped.encode()).status_code == 200
    assert http.get("/api/get/large").json()["value"] == value
    refused_as_cloudflare(http.post("/api/put", {"key": "large", "value": value + "x"}), 400, "too_large")


def test_keys_that_could_not_be_are_not_found_or_refused(http: Client) -> None:
    """A get of one is 404, a delete of none is 400."""
    refused_as_cloudflare(http.get("/api/get/"), 404)
    refused_as_cloudflare(http.get(f"/api/get/{'k' * 513}"), 404)
    refused_as_cloudflare(http.delete("/api/delete/"), 400)
    refused_as_cloudflare(http.get("/api/get/%FF"), 400)


def test_a_record_is_inserted_got_and_deleted(http: Client) -> None:
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


def test_deleting_twice_is_fine_and_what_never_was_is_404(http: Client) -> None:
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
def test_a_bad_record_is_400_alone_and_fails_alone_in_a_batch(http: Client, record: dict[str, Any]) -> None:
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
def test_numbers_that_json_does_not_have_are_400(http: Client, number: bytes) -> None:
    """As bad JSON."""
    body = b'{"id":"a","vector":[' + b",".join([number] * 384) + b"]}"
    refused_as_cloudflare(http.post("/api/vector/insert", content=body), 400, "invalid_json")


def test_a_whole_batch_succeeds(http: Client) -> None:
    """Of two with one id the later stays; both succeed."""
    vectors = [{"id": f"v{n % 99}", "vector": vector(1, n), "metadata": {"n": n}} for n in range(100)]
    batch = http.post("/api/vector/batch-insert", {"vectors": vectors}).json()
    assert (batch["success"], batch["inserted"], batch["failed"]) == (True, 100, 0)
    assert [result["id"] for result in batch["results"]] == [one["id"] for one in vectors]
    assert http.get("/api/vector/get/v0").json()["metadata"] == {"n": 99}


@pytest.mark.parametrize("vectors", [[], [{"id": f"v{n}", "vector": [1]} for n in range(101)], {}, None, "x"])
def test_a_batch_has_1_to_100_records(http: Client, vectors: object) -> None:
    """Others are refused whole."""
    refused_as_cloudflare(http.post("/api/vector/batch-insert", {"vectors": vectors}), 400)
    refused_as_cloudflare(http.post("/api/vector/batch-insert", {}), 400)


def test_a_batch_of_anything_but_objects_fails_item_by_item(http: Client) -> None:
    """Without an id to name."""
    batch = http.post("/api/vector/batch-insert", {"vectors": [3, None, "x", []]}).json()
    assert [result["id"] for result in batch["results"]] == [""] * 4
    assert batch["failed"] == 4


def test_search_answers_in_cosine_distance(http: Client) -> None:
    """Nearest first; the question may be called `query`."""
    insert(http, "east", 1, 0, metadata={"side": "right"})
    insert(http, "north", 0, 2)
    insert(http, "west", -3, 0)
    answer = http.post("/api/vector/search", {"vector": vector(2, 0)}).json()
    assert set(answer) == {"success", "results", "count", "algorithm"}
    assert (answer["success"], answer["count"]) == (True, 3)
    assert [result["id"] for result in answer["results"]] == ["east", "north", "west"]
    assert answer["results"][0] == {
        "id": "east",
        "distance": pytest.approx(0),
        "score": pytest.approx(1),
        "metadata": {"side": "right"},
    }
    assert answer["results"][1]["metadata"] == {}
    assert answer["results"][2]["distance"] == pytest.approx(2)
    assert answer["results"][2]["score"] == pytest.approx(-1)
    assert isinstance(answer["algorithm"], str)
    assert http.post("/api/vector/search", {"query": vector(2, 0)}).json() == answer
    assert len(http.post("/api/vector/search", {"vector": vector(2), "k": 2}).json()["results"]) == 2


def test_at_most_100_results_come_back(http: Client) -> None:
    """Though k may be 1,000; without it there are 10."""
    for first in (0, 100):
        http.post(
            "/api/vector/batch-insert",
            {"vectors": [{"id": f"v{n}", "vector": vector(1, n)} for n in range(first, first + 100)]},
        )
    assert http.post("/api/vector/search", {"vector": vector(1), "k": 1000}).json()["count"] == 100
    assert http.post("/api/vector/search", {"vector": vector(1)}).json()["count"] == 10


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"k": 3},
        {"vector": []},
        {"vector": [1, 2]},
        {"vector": "x"},
        {"query": [1, 2]},
        {"vector": vector(1), "k": 0},
        {"vector": vector(1), "k": -1},
        {"vector": vector(1), "k": 1001},
        {"vector": vector(1), "k": 1.5},
        {"vector": vector(1), "k": "10"},
        {"vector": vector(1), "k": None},
    ],
)
def test_a_bad_search_is_400(http: Client, body: object) -> None:
    """Whatever is wrong with it."""
    refused_as_cloudflare(http.post("/api/vector/search", body), 400)


def test_statistics_have_the_contracts_fields(http: Client) -> None:
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


def test_its_data_is_the_default_namespace(http: Client) -> None:
    """So /v1 sees it, and what /v1 writes is seen here."""
    insert(http, "a", 1, metadata={"x": 1})
    http.post("/api/put", {"key": "k", "value": "v"})
    assert http.get("/v1/namespaces/default/vectors/a").json()["metadata"] == {"x": 1}
    assert http.get("/v1/namespaces/default/kv/k").content == b"v"
    http.put("/v1/namespaces/default/kv/bytes", content=b"\xffx")
    assert http.get("/api/get/bytes").json()["value"] == "\ufffdx"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/nothing"),
        ("GET", "/api/put"),
        ("PUT", "/api/put"),
        ("POST", "/api/vector/stats"),
        ("GET", "/api/vector/get/"),
        ("GET", "/api/vector"),
        ("PATCH", "/api/get/k"),
        ("GET", "/api/"),
        ("GET", "/%61pi/nothing"),
    ],
)
def test_what_does_not_exist_is_404_with_a_key_and_401_without(http: Client, method: str, path: str) -> None:
    """A wrong method as well."""
    refused_as_cloudflare(http.request(method, path), 404)
    refused_as_cloudflare(http.request(method, path, key=None), 401)


@pytest.mark.parametrize(
    "path",
    ["/", "/health", "/api/put", "/api/get/k", "/api/vector/search", "/api/nothing", "/api/vector/delete/x"],
)
def test_any_page_may_ask_what_it_may_send(http: Client, path: str) -> None:
    """OPTIONS needs no key and answers 200."""
    answer = http.request("OPTIONS", path, key=None)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, POST, PUT, DELETE, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "Content-Type, Authorization, X-API-Key"
    assert answer.headers["access-control-max-age"] == "86400"


def test_every_answer_may_be_read_by_any_page(http: Client) -> None:
    """Errors too; /v1 is not open like that."""
    for answer in (
        http.get("/", key=None),
        http.get("/health", key=None),
        http.get("/api/get/k"),
        http.get("/api/get/k", key=None),
        http.get("/api/get/%FF"),
        http.post("/api/put", content=b"x", headers={"Content-Encoding": "br"}),
        http.post("/api/put", content=b"x", headers={"Content-Length": "99999999999"}),
    ):
        assert answer.headers["access-control-allow-origin"] == "*", answer
        assert answer.headers["x-request-id"]
    assert "access-control-allow-origin" not in http.get("/v1/namespaces").headers


def test_statuses_are_those_of_the_contract(http: Client, make_key: Any) -> None:
    """A key without the scope is as good as none, and an encoding that is not read is a bad request."""
    refused_as_cloudflare(
        http.post("/api/put", {"key": "k", "value": "v"}, key=make_key("read")), 401, "forbidden"
    )
    refused_as_cloudflare(
        http.post("/api/put", content=b"x", headers={"Content-Encoding": "br"}), 400, "unsupported_media_type"
    )


def test_the_root_names_the_service(http: Client) -> None:
    """In plain text, to anybody."""
    answer = http.get("/", key=None)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "QuartzDB 0.1.0\n"
