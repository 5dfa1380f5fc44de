"""Namespaces are created with fixed settings, listed in pages, described, deleted, and never seen by other tenants."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.behaviour.http.client import Client, refused


def test_a_namespace_is_created_with_its_settings(http: Client) -> None:
    """The answer says what was fixed, and where the namespace is."""
    wanted = {
        "name": "n1",
        "dimension": 8,
        "metric": "dot",
        "engine": "exact",
        "precision": "f16",
        "shards": 4,
        "purge_after_days": 7,
        "text": {"body": {"language": "english", "stemming": False, "stopwords": True}},
        "sparse": ["splade"],
        "key_history": True,
    }
    created = http.post("/v1/namespaces", wanted)
    assert created.status_code == 201
    assert created.headers["location"] == "/v1/namespaces/n1"
    document = created.json()
    assert document.pop("created_at").endswith("Z")
    assert document == wanted
    assert http.get("/v1/namespaces/n1").json()["metric"] == "dot"


def test_defaults_are_cosine_and_automatic(http: Client) -> None:
    """Without a dimension it is for key-values only."""
    document = http.post("/v1/namespaces", {"name": "plain"}).json()
    assert (document["dimension"], document["metric"], document["engine"], document["precision"]) == (
        None,
        "cosine",
        "auto",
        "f32",
    )


def test_creating_it_again_is_no_error_unless_settings_differ(http: Client, books: str) -> None:
    """The same again is 200; others are a conflict that says what there is."""
    assert http.post("/v1/namespaces", {"name": "books", "dimension": 3}).status_code == 200
    problem = refused(
        http.post("/v1/namespaces", {"name": "books", "dimension": 4}), 409, "namespace_exists", "name"
    )
    assert "dimension 3" in problem["detail"]
    assert http.get(books).json()["dimension"] == 3


def test_a_namespace_in_shards_answers_as_any_other(http: Client) -> None:
    """Their number is said, is fixed, and shows in nothing but where segments and log entries lie."""
    assert http.post("/v1/namespaces", {"name": "n", "dimension": 2, "shards": 3}).json()["shards"] == 3
    assert http.post("/v1/namespaces", {"name": "n", "dimension": 2, "shards": 3}).status_code == 200
    problem = refused(
        http.post("/v1/namespaces", {"name": "n", "dimension": 2}), 409, "namespace_exists", "name"
    )
    assert "shards 3" in problem["detail"]
    records = [{"id": f"r{n}", "vector": [1, n], "metadata": {"n": n}} for n in range(20)]
    http.post("/v1/namespaces/n/vectors", {"vectors": records})
    described = http.get("/v1/namespaces/n").json()
    assert (described["shards"], described["stats"]["records"]) == (3, 20)
    answer = http.post("/v1/namespaces/n/query", {"vector": [1, 0], "top_k": 3}).json()
    assert [match["id"] for match in answer["matches"]] == ["r0", "r1", "r2"]
    assert http.post("/v1/namespaces", {"name": "one", "dimension": 2}).json()["shards"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Books"}, "name"),
        ({"name": "-books"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"name": "../etc"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"name": "é"}, "name"),
        ({"name": 7}, "name"),
        ({"name": None}, "name"),
        ({}, "name"),
        ({"name": "n", "dimension": 0}, "dimension"),
        ({"name": "n", "dimension": -1}, "dimension"),
        ({"name": "n", "dimension": 4097}, "dimension"),
        ({"name": "n", "dimension": 3.5}, "dimension"),
        ({"name": "n", "dimension": "3"}, "dimension"),
        ({"name": "n", "dimension": True}, "dimension"),
        ({"name": "n", "dimension": 1e300}, "dimension"),
        ({"name": "n", "dimension": 3, "metric": "manhattan"}, "metric"),
        ({"name": "n", "dimension": 3, "metric": None}, "metric"),
        ({"name": "n", "dimension": 3, "engine": "scann"}, "engine"),
        ({"name": "n", "dimension": 3, "precision": "f64"}, "precision"),
        ({"name": "n", "dimensions": 3}, "dimensions"),
        ({"name": "n", "dimension": 3, "shards": 0}, "shards"),
        ({"name": "n", "dimension": 3, "purge_after_days": 0}, "purge_after_days"),
        ({"name": "n", "dimension": 3, "purge_after_days": 3651}, "purge_after_days"),
        ({"name": "n", "dimension": 3, "shards": 65}, "shards"),
        ({"name": "n", "dimension": 3, "shards": "4"}, "shards"),
        ({"name": "n", "dimension": 3, "shards": None}, "shards"),
        ({"name": "n", "shards": 2}, "shards"),
    ],
)
def test_bad_settings_are_refused_by_name(http: Client, body: object, field: str) -> None:
    """The field is named, and nothing is created."""
    refused(http.post("/v1/namespaces", body), 400, "invalid_argument", field)
    assert http.get("/v1/namespaces").json()["namespaces"] == []


def test_an_unknown_field_is_answered_with_the_known_ones(http: Client) -> None:
    """A typing error is found without reading the documentation."""
    problem = refused(
        http.post("/v1/namespaces", {"name": "n", "dimensions": 3}), 400, "invalid_argument", "dimensions"
    )
    assert (
        problem["hint"]
        == "The fields here are name, dimension (optional), metric (optional), engine (optional), "
        "precision (optional), shards (optional), purge_after_days (optional), text (optional), sparse (optional), "
        "key_history (optional)."
    )


@pytest.mark.parametrize("document", [[], "x", 3, None, True])
def test_a_body_that_is_no_object_is_refused(http: Client, document: object) -> None:
    """In the words of JSON."""
    problem = refused(
        http.request("POST", "/v1/namespaces", json=document) if document is not None
        else http.post("/v1/namespaces", content=b"null", headers={"Content-Type": "application/json"}),
        400,
        "invalid_argument",
    )  # fmt: skip
    assert problem["detail"].startswith("The body must be an object, not ")


def test_listing_goes_by_pages(http: Client) -> None:
    """In name order, with a prefix, and each name once."""
    for name in ("b2", "a1", "b1", "b3", "c1"):
        http.post("/v1/namespaces", {"name": name})
    first = http.get("/v1/namespaces?prefix=b&limit=2").json()
    assert [one["name"] for one in first["namespaces"]] == ["b1", "b2"]
    second = http.get("/v1/namespaces", params={"prefix": "b", "limit": 2, "cursor": first["cursor"]}).json()
    assert [one["name"] for one in second["namespaces"]] == ["b3"]
    assert second["cursor"] is None


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("limit=0", "invalid_argument", "limit"),
        ("limit=1001", "invalid_argument", "limit"),
        ("limit=ten", "invalid_argument", "limit"),
        ("limit=", "invalid_argument", "limit"),
        (f"limit={'9' * 5000}", "invalid_argument", "limit"),
        ("limit=1&limit=2", "invalid_argument", "limit"),
        ("cursor=nonsense", "invalid_cursor", "cursor"),
        ("cursor=", None, None),
        ("offset=3", "invalid_argument", "offset"),
        ("prefix=%ff", "invalid_argument", None),
        ("&".join(f"a{n}=1" for n in range(100)), "invalid_argument", None),
    ],
)
def test_bad_query_parameters_are_refused(
    http: Client, query: str, code: str | None, field: str | None
) -> None:
    """By name; an empty cursor is the beginning."""
    answer = http.get(f"/v1/namespaces?{query}")
    if code is None:
        assert answer.status_code == 200
    else:
        refused(answer, 400, code, field)


def test_a_cursor_from_another_listing_is_refused(http: Client, books: str) -> None:
    """A cursor belongs to a listing with all its parameters."""
    for name in ("b1", "b2"):
        http.post("/v1/namespaces", {"name": name})
    cursor = http.get("/v1/namespaces?limit=1").json()["cursor"]
    refused(http.get(f"/v1/namespaces?limit=1&prefix=b&cursor={cursor}"), 400, "invalid_cursor", "cursor")
    refused(http.get(f"{books}/vectors?cursor={cursor}"), 400, "invalid_cursor", "cursor")
    refused(http.get(f"{books}/kv?cursor={cursor}"), 400, "invalid_cursor", "cursor")


def test_a_description_counts_what_is_in_it(http: Client, books: str) -> None:
    """Records and key-values."""
    http.post(f"{books}/vectors", {"vectors": [{"id": "a", "vector": [1, 0, 0]}]})
    http.put(f"{books}/kv/k", content=b"12345")
    stats = http.get(books).json()["stats"]
    assert (stats["records"], stats["keys"], stats["key_value_bytes"]) == (1, 1, 6)
    assert stats["segments"] == []
    version = http.get(f"{books}/vectors/a").json()["version"]
    assert http.get(f"{books}?consistency=eventual&version={version}").json()["stats"]["records"] == 1
    refused(http.get(f"{books}?version=x"), 400, "invalid_version", "version")


def test_a_deleted_namespace_is_gone_and_its_name_free(http: Client, books: str) -> None:
    """One that is created again under the name sees nothing of its past."""
    http.post(f"{books}/vectors", {"vectors": [{"id": "a", "vector": [1, 0, 0]}]})
    http.put(f"{books}/kv/k", content=b"v")
    assert http.delete(books).json() == {"deleted": True}
    refused(http.get(books), 404, "namespace_not_found")
    refused(http.delete(books), 404, "namespace_not_found")
    refused(http.get(f"{books}/kv/k"), 404, "namespace_not_found")
    assert http.post("/v1/namespaces", {"name": "books", "dimension": 2}).status_code == 201
    assert http.get(f"{books}/vectors").json()["ids"] == []
    refused(http.get(f"{books}/kv/k"), 404, "key_not_found")


@pytest.mark.parametrize("name", ["..%2F..%2Fetc%2Fpasswd", "%2e%2e", "A", "a%00", "a%20b", "%F0%9F%92%A9"])
def test_a_name_that_could_climb_never_reaches_storage(http: Client, name: str) -> None:
    """Not on any route."""
    for method, path in (
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/vectors"),
        ("GET", "/kv/k"),
        ("PUT", "/kv/k"),
    ):
        refused(http.request(method, f"/v1/namespaces/{name}{path}"), 400, "invalid_argument", "namespace")


def test_another_tenants_namespace_does_not_exist(
    http: Client, books: str, make_key: Callable[..., str]
) -> None:
    """Neither to read, nor to write, nor to delete; and its name is free."""
    http.post(f"{books}/vectors", {"vectors": [{"id": "a", "vector": [1, 0, 0]}]})
    http.put(f"{books}/kv/k", content=b"v")
    other = make_key(of="somebody-else")
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/vectors", None),
        ("GET", "/vectors/a", None),
        ("DELETE", "/vectors/a", None),
        ("PATCH", "/vectors/a", {"set": {"x": 1}}),
        ("POST", "/vectors", {"vectors": [{"id": "a", "vector": [1, 0, 0]}]}),
        ("POST", "/vectors/fetch", {"ids": ["a"]}),
        ("POST", "/vectors/patch", {"patches": [{"id": "a", "set": {"x": 1}}]}),
        ("POST", "/vectors/delete", {"filter": {}}),
        ("POST", "/vectors/count", {}),
        ("POST", "/query", {"vector": [1, 0, 0]}),
        ("GET", "/kv", None),
        ("GET", "/kv/k", None),
        ("PUT", "/kv/k", None),
        ("DELETE", "/kv/k", None),
        ("POST", "/kv-batch/get", {"keys": ["k"]}),
        ("POST", "/kv-batch/put", {"items": [{"key": "k", "value": "x"}]}),
        ("POST", "/kv-batch/delete", {"keys": ["k"]}),
    ):
        options: dict[str, object] = {} if body is None else {"json": body}
        refused(http.request(method, books + path, key=other, **options), 404, "namespace_not_found")
    assert http.get("/v1/namespaces", key=other).json()["namespaces"] == []
    assert http.post("/v1/namespaces", {"name": "books", "dimension": 9}, key=other).status_code == 201
    assert http.get(f"{books}/vectors/a").json()["metadata"] == {}
    assert http.get(f"{books}/kv/k").content == b"v"
    http.delete(books, key=other)


def test_usage_sums_over_namespaces(http: Client, books: str) -> None:
    """By namespace and in all, for the caller's tenant only."""
    http.post("/v1/namespaces", {"name": "cache"})
    http.post(f"{books}/vectors", {"vectors": [{"id": "a", "vector": [1, 0, 0]}]})
    http.put("/v1/namespaces/cache/kv/k", content=b"12345")
    usage = http.get("/v1/usage").json()
    assert [(one["name"], one["records"], one["keys"]) for one in usage["namespaces"]] == [
        ("books", 1, 0),
        ("cache", 0, 1),
    ]
    assert usage["totals"] == {
        "namespaces": 2,
        "records": 1,
        "segment_bytes": 0,
        "keys": 1,
        "key_value_bytes": 6,
    }
    assert usage["cursor"] is None
    assert http.get("/v1/usage?prefix=c").json()["totals"]["namespaces"] == 1
