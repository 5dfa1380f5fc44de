"""If-Match and If-None-Match on records: nothing is done unless they hold, and none is passed over."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.behaviour.http.client import Client, refused

NOBODY = '"0197f3c2ab4d0000.local.3f9c2a1b"'


@pytest.fixture
def path(http: Client, books: str) -> str:
    """Of a record that exists."""
    put(http, books, "a")
    return f"{books}/vectors/a"


def put(http: Client, books: str, *ids: str, **headers: str) -> httpx.Response:
    records = [{"id": one, "vector": [1, 0, 0], "metadata": {"n": 1}} for one in ids]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.post(f"{books}/vectors", {"vectors": records}, headers=named)


def test_a_fetch_shows_the_version_as_etag(http: Client, path: str) -> None:
    """Writes do, too; a reader that names it is not sent the record again."""
    record = http.get(path)
    etag = record.headers["etag"]
    assert etag == f'"{record.json()["version"]}"'
    again = http.get(path, headers={"If-None-Match": f"{NOBODY}, {etag}"})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert http.get(path, headers={"If-None-Match": NOBODY}).json() == record.json()
    assert http.get(path, headers={"If-Match": etag}).json() == record.json()
    refused(http.get(path, headers={"If-Match": NOBODY}), 412, "precondition_failed", "If-Match")
    patched = http.request("PATCH", path, json={"set": {"n": 2}})
    assert http.get(path).headers["etag"] == patched.headers["etag"] != etag


def test_each_write_of_a_record_takes_conditions(http: Client, books: str, path: str) -> None:
    """Upsert, patch and delete: refused at another version, done at this one, and again under any."""

    def writes(headers: dict[str, str]) -> list[httpx.Response]:
        return [
            http.request("PATCH", path, json={"set": {"n": 2}}, headers=headers),
            http.post(f"{books}/vectors/patch", {"patches": [{"id": "a", "set": {"n": 2}}]}, headers=headers),
            http.post(f"{books}/vectors", {"vectors": [{"id": "a", "vector": [0, 1, 0]}]}, headers=headers),
            http.post(f"{books}/vectors/delete", {"ids": ["a"]}, headers=headers),
            http.delete(path, headers=headers),
        ]

    before = http.get(path).json()
    for condition in (
        {"If-Match": NOBODY},
        {"If-None-Match": "*"},
        {"If-None-Match": f'"{before["version"]}"'},
    ):
        for answer in writes(condition):
            refused(answer, 412, "precondition_failed", "id")
    assert http.get(path).json() == before
    for number in range(5):
        put(http, books, "a")
        assert writes({"If-Match": f"{NOBODY}, {http.get(path).headers['etag']}"})[number].status_code == (
            200 if number == 0 else 412
        )


@pytest.mark.parametrize("condition", [{"If-Match": "*"}, {"If-Match": NOBODY}])
def test_what_does_not_exist_matches_nothing(http: Client, books: str, condition: dict[str, str]) -> None:
    """A deleted record neither."""
    put(http, books, "gone")
    http.delete(f"{books}/vectors/gone")
    for name in ("gone", "never"):
        one = f"{books}/vectors/{name}"
        record = {"vectors": [{"id": name, "vector": [1, 0, 0]}]}
        refused(http.post(f"{books}/vectors", record, headers=condition), 412, "precondition_failed")
        refused(
            http.request("PATCH", one, json={"set": {"n": 2}}, headers=condition), 412, "precondition_failed"
        )
        refused(http.delete(one, headers=condition), 412, "precondition_failed")
        refused(http.get(one), 404, "record_not_found")


def test_only_a_new_record(http: Client, books: str) -> None:
    """The first of two wins; once it is deleted, another may."""
    first = put(http, books, "new", If_None_Match="*")
    assert first.status_code == 200
    refused(put(http, books, "new", If_None_Match="*"), 412, "precondition_failed", "id")
    deleted = http.delete(f"{books}/vectors/new", headers={"If-Match": first.headers["etag"]})
    assert deleted.json()["deleted"] == 1
    assert put(http, books, "new", If_None_Match="*").status_code == 200


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize(
    ("method", "end", "body"),
    [
        (
            "POST",
            "vectors",
            {"vectors": [{"id": "a", "vector": [1, 0, 0]}, {"id": "b", "vector": [1, 0, 0]}]},
        ),
        ("POST", "vectors/patch", {"patches": [{"id": "a", "set": {}}, {"id": "b", "set": {}}]}),
        ("POST", "vectors/delete", {"ids": ["a", "b"]}),
        ("POST", "vectors/delete", {"filter": {}}),
        ("POST", "vectors/fetch", {"ids": ["a"]}),
        ("POST", "query", {"vector": [1, 0, 0]}),
        ("POST", "kv-batch/put", {"items": [{"key": "a", "value": "1"}]}),
        ("DELETE", "", None),
    ],
)
def test_a_condition_that_nothing_looks_at_is_refused(
    http: Client, books: str, path: str, header: str, method: str, end: str, body: Any
) -> None:
    """A client that counts on it must not be told that the write was done under it."""
    target = f"{books}/{end}".rstrip("/")
    refused(http.request(method, target, json=body, headers={header: "*"}), 400, "invalid_argument", header)
    assert http.get(path).status_code == 200
