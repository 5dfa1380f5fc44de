"""Idempotency keys: a write that is sent again under its key is answered again and done once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quartzdb.api import idempotency
from quartzdb.api.app import create_app
from quartzdb.domain.errors import OutcomeUnknown, Unavailable
from quartzdb.services.records import Records
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client, refused

RECORD = {"vectors": [{"id": "a", "vector": [1, 2, 3]}]}


def once(key: str = "k1") -> dict[str, dict[str, str]]:
    return {"headers": {"Idempotency-Key": key}}


def test_a_write_is_done_once_and_answered_twice(http: Client, books: str) -> None:
    """With the same version, which shows that it was not written again; the second answer says what it is."""
    first = http.post(f"{books}/vectors", RECORD, **once())
    again = http.post(f"{books}/vectors", RECORD, **once())
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert http.post(f"{books}/vectors", RECORD, **once("k2")).json() != first.json()


def test_headers_are_repeated_too(http: Client, books: str) -> None:
    """A put's ETag."""
    first = http.put(f"{books}/kv/k", content=b"v", **once())
    again = http.put(f"{books}/kv/k", content=b"v", **once())
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["x-quartzdb-version"] == first.headers["x-quartzdb-version"]


def test_a_compare_and_set_can_be_sent_again(http: Client, books: str) -> None:
    """Without its key the second sending would fail, as the first has succeeded."""
    headers = {"If-None-Match": "*", "Idempotency-Key": "k"}
    for _ in range(2):
        assert http.put(f"{books}/kv/k", content=b"v", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/namespaces", {"name": "fresh"}),
        ("PATCH", "/v1/namespaces/books/vectors/a", {"set": {"x": 1}}),
        ("POST", "/v1/namespaces/books/vectors/patch", {"patches": [{"id": "a", "set": {"x": 1}}]}),
        ("POST", "/v1/namespaces/books/vectors/delete", {"filter": {}}),
        ("DELETE", "/v1/namespaces/books/vectors/a", None),
        ("DELETE", "/v1/namespaces/books/kv/k", None),
        ("POST", "/v1/namespaces/books/kv-batch/put", {"items": [{"key": "k", "value": "v"}]}),
        ("POST", "/v1/namespaces/books/kv-batch/delete", {"keys": ["k"]}),
        ("DELETE", "/v1/namespaces/books", None),
    ],
)
def test_every_write_takes_a_key(http: Client, books: str, method: str, path: str, body: object) -> None:
    """And repeats its answer, whatever has happened since."""
    http.post(f"{books}/vectors", RECORD)
    http.put(f"{books}/kv/k", content=b"v")
    options: dict[str, Any] = once() if body is None else {**once(), "json": body}
    first = http.request(method, path, **options)
    assert first.status_code in {200, 201}
    again = http.request(method, path, **options)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    "other",
    [
        {"json": {"vectors": [{"id": "b", "vector": [1, 2, 3]}]}},
        {"json": RECORD, "path": "/v1/namespaces/books/vectors/delete"},
        {"json": RECORD, "headers": {"Content-Type": "application/x+json"}},
    ],
)
def test_a_key_belongs_to_one_request(http: Client, books: str, other: dict[str, Any]) -> None:
    """Another under it is refused, and not done."""
    http.post(f"{books}/vectors", RECORD, **once())
    path = other.pop("path", f"{books}/vectors")
    headers = {**once()["headers"], **other.pop("headers", {})}
    refused(
        http.request("POST", path, headers=headers, **other), 422, "idempotency_mismatch", "Idempotency-Key"
    )
    assert http.get(f"{books}/vectors").json()["ids"] == ["a"]


def test_a_condition_is_part_of_the_request(http: Client, books: str) -> None:
    """The same value under another If-Match is another request."""
    etag = http.put(f"{books}/kv/k", content=b"1").headers["etag"]
    http.put(f"{books}/kv/k", content=b"2", headers={"If-Match": etag, "Idempotency-Key": "k"})
    answer = http.put(f"{books}/kv/k", content=b"2", headers={"Idempotency-Key": "k"})
    refused(answer, 422, "idempotency_mismatch")


def test_keys_are_the_tenants_own(http: Client, books: str, make_key: Callable[..., str]) -> None:
    """Another tenant's same key is another key."""
    http.post("/v1/namespaces", {"name": "n"}, **once())
    other = http.post("/v1/namespaces", {"name": "n"}, key=make_key(of="somebody"), **once())
    assert other.status_code == 201
    assert "idempotency-replayed" not in other.headers
    http.delete("/v1/namespaces/n", key=make_key(of="somebody"))


def test_keys_are_the_api_keys_own(http: Client, books: str, make_key: Callable[..., str]) -> None:
    """Another holder of the same tenant gets neither an answer that is not theirs nor a conflict."""
    other = make_key("write")
    first = http.post(f"{books}/vectors", RECORD, **once())
    theirs = http.post(f"{books}/vectors", RECORD, key=other, **once())
    assert "idempotency-replayed" not in theirs.headers
    assert theirs.json() != first.json()
    different = {"vectors": [{"id": "z", "vector": [1, 2, 3]}]}
    third = make_key("write")
    assert http.post(f"{books}/vectors", different, key=third, **once()).status_code == 200
    assert http.post(f"{books}/vectors", RECORD, key=other, **once()).json() == theirs.json()


def test_a_refusal_leaves_the_key_free(http: Client, books: str) -> None:
    """It changed nothing, so what is sent next under the key is looked at anew: the same, or the mended request."""
    bad = {"vectors": [{"id": "a", "vector": [1]}]}
    for _ in range(2):
        refused(http.post(f"{books}/vectors", bad, **once()), 400, "dimension_mismatch")
    answer = http.post(f"{books}/vectors", RECORD, **once())
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers
    refused(http.post(f"{books}/vectors", bad, **once()), 422, "idempotency_mismatch")


def test_a_failure_that_changed_nothing_frees_the_key(
    http: Client, books: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it can be tried again under it."""

    def fail(*_: object, **__: object) -> None:
        raise Unavailable("Not now.")

    with monkeypatch.context() as patched:
        patched.setattr(Records, "upsert", fail)
        assert http.post(f"{books}/vectors", RECORD, **once()).status_code == 503
    answer = http.post(f"{books}/vectors", RECORD, **once())
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


def test_a_write_that_may_have_been_made_keeps_its_key(
    http: Client, books: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repetition is not done beside it: it waits until the first can no longer land."""

    def lost(*_: object, **__: object) -> None:
        raise OutcomeUnknown("The answer was lost.")

    with monkeypatch.context() as patched:
        patched.setattr(Records, "upsert", lost)
        refused(http.post(f"{books}/vectors", RECORD, **once()), 503, "outcome_unknown")
    again = http.post(f"{books}/vectors", RECORD, **once())
    refused(again, 409, "idempotency_conflict", "Idempotency-Key")
    assert again.headers["retry-after"]


def test_a_failure_that_nobody_foresaw_keeps_the_key(
    http: Client, books: str, database: Database, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have come after the write: a repetition would undo what others wrote since."""
    upsert = Records.upsert

    def break_afterwards(*arguments: Any, **options: Any) -> None:
        upsert(*arguments, **options)
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(Records, "upsert", break_afterwards)
        assert http.post(f"{books}/vectors", RECORD, **once()).status_code == 500
    assert http.delete(f"{books}/vectors/a").status_code in {200, 204}
    refused(http.post(f"{books}/vectors", RECORD, **once()), 409, "idempotency_conflict", "Idempotency-Key")
    assert http.get(f"{books}/vectors/a").status_code == 404


def test_a_request_under_way_holds_its_key(
    http: Client, books: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its second sending is told to wait; the write is done once."""
    second: list[Any] = []
    upsert = Records.upsert

    def slow(self: Records, *given: Any, **more: Any) -> Any:
        with Client(create_app(database), http.key) as other:
            second.append(other.post(f"{books}/vectors", RECORD, **once()))
        return upsert(self, *given, **more)

    monkeypatch.setattr(Records, "upsert", slow)
    assert http.post(f"{books}/vectors", RECORD, **once()).status_code == 200
    refused(second[0], 409, "idempotency_conflict", "Idempotency-Key")
    assert second[0].headers["retry-after"]
    assert len(second) == 1


def test_an_answer_that_cannot_be_kept_is_still_given(
    http: Client, books: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write is done; saying otherwise would be wrong."""

    def fail(*_: object) -> None:
        raise Unavailable("Not now.")

    monkeypatch.setattr(type(database.idempotency), "finish", fail)
    assert http.post(f"{books}/vectors", RECORD, **once()).status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ä".encode("latin-1")])
def test_a_bad_key_is_refused(http: Client, books: str, key: str | bytes) -> None:
    """Before anything is done."""
    answer = http.post(f"{books}/vectors", RECORD, headers={"Idempotency-Key": key})
    refused(answer, 400, "invalid_argument", "Idempotency-Key")


def test_a_secret_is_not_kept_for_a_repetition(http: Client) -> None:
    """A new API key is shown once."""
    answer = http.post("/v1/keys", {"name": "n", "scopes": ["read"]}, **once())
    refused(answer, 400, "invalid_argument", "Idempotency-Key")
    assert len(http.get("/v1/keys").json()["keys"]) == 1


def test_reads_pass_over_it(http: Client, books: str) -> None:
    """They change nothing, and are answered afresh."""
    http.post(f"{books}/vectors/count", {}, **once())
    http.post(f"{books}/vectors", RECORD)
    assert http.post(f"{books}/vectors/count", {}, **once()).json()["count"] == 1


def test_a_claim_outlasts_any_request() -> None:
    """But not a crash, for long."""
    assert 60_000 <= idempotency.CLAIM_MS <= 600_000


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Failures are logged; that is not what these tests look at."""
    with caplog.at_level("CRITICAL"):
        yield
