"""Records are written whole and atomically, read at once, patched, listed, counted and deleted."""

from __future__ import annotations

import base64
import struct
from urllib.parse import quote

import httpx
import pytest

from tests.behaviour.http.client import Client, refused

READ = {"read_units": 1, "write_units": 0}
DUNE = {"id": "dune", "vector": [0.5, 0.25, 0.0], "metadata": {"year": 1965, "tags": ["desert"]}}
EMMA = {"id": "emma", "vector": [0.0, 0.25, 1.0], "metadata": {"year": 1815}}
UBIK = {"id": "ubik", "vector": [0.75, 0.25, 0.125]}


@pytest.fixture
def shelf(http: Client, books: str) -> str:
    """The path of a namespace with three records."""
    assert http.post(f"{books}/vectors", {"vectors": [DUNE, EMMA, UBIK]}).status_code == 200
    return books


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def test_what_is_upserted_is_read_at_once(http: Client, books: str) -> None:
    """Bit for bit, with the version of the write."""
    answer = http.post(f"{books}/vectors", {"vectors": [DUNE, UBIK]}).json()
    assert answer["upserted"] == 2
    record = http.get(f"{books}/vectors/dune").json()
    assert record == {**DUNE, "version": answer["version"], "usage": READ}
    assert http.get(f"{books}/vectors/ubik").json()["metadata"] == {}


def test_an_upsert_replaces_the_whole_record(http: Client, shelf: str) -> None:
    """Metadata too: nothing of the old record shines through."""
    first = http.get(f"{shelf}/vectors/dune").json()["version"]
    version = http.post(f"{shelf}/vectors", {"vectors": [{"id": "dune", "vector": [1, 2, 3]}]}).json()[
        "version"
    ]
    assert version > first
    assert http.get(f"{shelf}/vectors/dune").json() == {
        "id": "dune", "vector": [1, 2, 3], "metadata": {}, "version": version, "usage": READ,
    }  # fmt: skip


def test_vectors_travel_as_base64_too(http: Client, books: str) -> None:
    """Both ways, and with the same bits."""
    text = packed(0.1, -2.5e-8, 3.0)
    http.post(f"{books}/vectors", {"vectors": [{"id": "a", "vector": text}]})
    assert http.get(f"{books}/vectors/a?encoding=base64").json()["vector"] == text
    numbers = http.get(f"{books}/vectors/a").json()["vector"]
    assert packed(*numbers) == text
    fetched = http.post(f"{books}/vectors/fetch", {"ids": ["a"], "encoding": "base64"}).json()
    assert fetched["records"][0]["vector"] == text


def test_fetch_keeps_the_order_and_names_what_is_missing(http: Client, shelf: str) -> None:
    """An id that does not exist is no error, and one that is named twice comes once."""
    answer = http.post(f"{shelf}/vectors/fetch", {"ids": ["ubik", "nobody", "dune", "ubik"]}).json()
    assert [record["id"] for record in answer["records"]] == ["ubik", "dune"]
    assert answer["missing"] == ["nobody"]


def test_ids_are_listed_in_pages(http: Client, shelf: str) -> None:
    """In order, with a prefix."""
    first = http.get(f"{shelf}/vectors?limit=2").json()
    assert first["ids"] == ["dune", "emma"]
    second = http.get(f"{shelf}/vectors?limit=2&cursor={first['cursor']}").json()
    assert second == {"ids": ["ubik"], "cursor": None, "usage": READ}
    assert http.get(f"{shelf}/vectors?prefix=em").json()["ids"] == ["emma"]
    refused(http.get(f"{shelf}/vectors?prefix=a%0Ab"), 400, "invalid_id", "prefix")


def test_a_patch_changes_named_fields_only(http: Client, shelf: str) -> None:
    """Others stay, and so does the vector."""
    version = http.patch(f"{shelf}/vectors/dune", {"set": {"read": True}, "unset": ["tags"]}).json()[
        "version"
    ]
    record = http.get(f"{shelf}/vectors/dune").json()
    assert record["metadata"] == {"year": 1965, "read": True}
    assert record["vector"] == DUNE["vector"]
    assert record["version"] == version


def test_a_batch_of_patches_is_all_or_none(http: Client, shelf: str) -> None:
    """One that names no record stops them all."""
    good = {"id": "dune", "set": {"read": True}}
    problem = refused(
        http.post(f"{shelf}/vectors/patch", {"patches": [good, {"id": "nobody", "set": {"a": 1}}]}),
        404,
        "record_not_found",
        "patches[1].id",
    )
    assert "nobody" in problem["detail"]
    assert http.get(f"{shelf}/vectors/dune").json()["metadata"] == DUNE["metadata"]
    answer = http.post(f"{shelf}/vectors/patch", {"patches": [good, {"id": "emma", "unset": ["year"]}]})
    assert answer.json()["patched"] == 2
    assert http.get(f"{shelf}/vectors/emma").json()["metadata"] == {}


@pytest.mark.parametrize(
    ("patch", "code", "field"),
    [
        ({}, "invalid_argument", ""),
        ({"set": {}}, "invalid_argument", ""),
        ({"set": [1]}, "invalid_metadata", "set"),
        ({"set": {"a": 1}, "unset": ["a"]}, "invalid_argument", "unset"),
        ({"unset": "a"}, "invalid_argument", "unset"),
        ({"unset": [1]}, "invalid_argument", "unset[0]"),
        ({"set": {"a": "x" * 40_000}}, "invalid_metadata", "set"),
        ({"id": "dune", "set": {"a": 1}}, "invalid_argument", "id"),
    ],
)
def test_bad_patches_are_refused(http: Client, shelf: str, patch: object, code: str, field: str) -> None:
    """With the field at fault."""
    problem = refused(http.patch(f"{shelf}/vectors/dune", patch), 400, code)
    assert (problem["field"] or "").endswith(field)


def test_a_patch_of_no_record_is_not_found(http: Client, shelf: str) -> None:
    """It does not create one."""
    refused(http.patch(f"{shelf}/vectors/nobody", {"set": {"a": 1}}), 404, "record_not_found")


def test_records_are_deleted_by_id(http: Client, shelf: str) -> None:
    """One or several; what did not exist is no error, and is not counted."""
    answer = http.delete(f"{shelf}/vectors/dune").json()
    assert (answer["deleted"], answer["more"]) == (1, False)
    assert answer["version"]
    assert http.delete(f"{shelf}/vectors/dune").json()["deleted"] == 0
    answer = http.post(f"{shelf}/vectors/delete", {"ids": ["emma", "dune", "nobody"]}).json()
    assert answer["deleted"] == 1
    refused(http.get(f"{shelf}/vectors/emma"), 404, "record_not_found", "id")
    assert http.get(f"{shelf}/vectors").json()["ids"] == ["ubik"]


def test_records_are_deleted_by_filter(http: Client, shelf: str) -> None:
    """Where nothing matches, nothing is written, and there is no version."""
    answer = http.post(f"{shelf}/vectors/delete", {"filter": {"year": {"$lt": 1900}}}).json()
    assert answer["deleted"] == 1
    answer = http.post(f"{shelf}/vectors/delete", {"filter": {"year": {"$lt": 1900}}}).json()
    used = {"read_units": 0, "write_units": 1}
    assert answer == {"deleted": 0, "version": None, "more": False, "usage": used}
    assert http.post(f"{shelf}/vectors/delete", {"filter": {}}).json()["deleted"] == 2


@pytest.mark.parametrize("body", [{}, {"ids": None}, {"ids": ["a"], "filter": {}}])
def test_a_deletion_is_by_ids_or_by_filter(http: Client, shelf: str, body: object) -> None:
    """Neither or both is refused, so that an empty body never deletes everything."""
    refused(http.post(f"{shelf}/vectors/delete", body), 400, "invalid_argument", "ids")


def test_records_are_counted(http: Client, shelf: str) -> None:
    """All of them, without any body; or those that match."""
    assert http.post(f"{shelf}/vectors/count", content=b"").json() == {"count": 3, "usage": READ}
    assert http.post(f"{shelf}/vectors/count", {}).json()["count"] == 3
    some = http.post(f"{shelf}/vectors/count", {"filter": {"year": {"$exists": True}}}).json()
    assert some["count"] == 2


def test_a_version_token_is_accepted_by_reads_and_writes(http: Client, shelf: str) -> None:
    """A later write has a later version, and an eventual read includes what the token names."""
    version = http.post(f"{shelf}/vectors", {"vectors": [DUNE]}).json()["version"]
    later = http.post(f"{shelf}/vectors", {"vectors": [EMMA], "version": version}).json()["version"]
    assert later > version
    for answer in (
        http.get(f"{shelf}/vectors/emma?consistency=eventual&version={later}"),
        http.get(f"{shelf}/vectors?consistency=eventual&version={later}"),
        http.post(f"{shelf}/vectors/fetch", {"ids": ["emma"], "consistency": "eventual", "version": later}),
        http.post(f"{shelf}/vectors/count", {"consistency": "eventual", "version": later}),
        http.post(f"{shelf}/query", {"id": "emma", "consistency": "eventual", "version": later}),
    ):
        assert answer.status_code == 200
    assert http.patch(f"{shelf}/vectors/emma", {"set": {"a": 1}, "version": later}).json()["version"] > later
    assert http.delete(f"{shelf}/vectors/emma?version={later}").json()["version"] > later


@pytest.mark.parametrize(
    "token", ["x", "", "018f3c2ab4d10000", "7" + "f" * 15 + ".local.1", "0" * 16 + "." + "w" * 65]
)
def test_a_token_that_was_never_issued_is_refused(http: Client, shelf: str, token: str) -> None:
    """Also one from the far future, which would drag every later version along."""
    answers = [
        http.post(f"{shelf}/vectors", {"vectors": [DUNE], "version": token}),
        http.get(f"{shelf}/vectors/dune", params={"version": token}),
        http.delete(f"{shelf}/vectors/dune", params={"version": token}),
        http.post(f"{shelf}/query", {"id": "dune", "version": token}),
    ]
    for answer in answers:
        refused(answer, 400, "invalid_version", "version")


def test_consistency_is_one_of_two_words(http: Client, shelf: str) -> None:
    """In the query string and in bodies."""
    refused(http.get(f"{shelf}/vectors?consistency=weak"), 400, "invalid_argument", "consistency")
    problem = refused(
        http.post(f"{shelf}/vectors/count", {"consistency": "weak"}), 400, "invalid_argument", "consistency"
    )
    assert problem["detail"] == "This must be one of 'strong' or 'eventual', not 'weak'."


def upsert_one(http: Client, books: str, record: object) -> httpx.Response:
    return http.post(f"{books}/vectors", {"vectors": [{"id": "good", "vector": [1, 2, 3]}, record]})


@pytest.mark.parametrize(
    ("vector", "code", "field"),
    [
        ([], "invalid_vector", "vectors[1].vector"),
        ("", "invalid_vector", "vectors[1].vector"),
        ([1, 2], "dimension_mismatch", "vectors[1].vector"),
        ([1, 2, 3, 4], "dimension_mismatch", "vectors[1].vector"),
        ([0.5] * 4096, "dimension_mismatch", "vectors[1].vector"),
        ([0.5] * 4097, "invalid_vector", "vectors[1].vector"),
        ([0, 0, 0], "invalid_vector", "vectors[1].vector"),
        ([1e-30, 0, 0], "invalid_vector", "vectors[1].vector"),
        ([1, 1e39, 3], "invalid_vector", "vectors[1].vector[1]"),
        ([1, 10**30, 3], "invalid_vector", "vectors[1].vector"),
        ([1, "2", 3], "invalid_vector", "vectors[1].vector[1]"),
        ([1, None, 3], "invalid_vector", "vectors[1].vector[1]"),
        ([1, True, 3], "invalid_vector", "vectors[1].vector[1]"),
        ([1, [2], 3], "invalid_vector", "vectors[1].vector[1]"),
        (None, "invalid_vector", "vectors[1].vector"),
        (3, "invalid_vector", "vectors[1].vector"),
        ({"values": [1, 2, 3]}, "invalid_vector", "vectors[1].vector"),
        ("####", "invalid_vector", "vectors[1].vector"),
        ("AAAA", "invalid_vector", "vectors[1].vector"),
        (packed(1, float("nan"), 3), "invalid_vector", "vectors[1].vector[1]"),
        (packed(1, 2, float("-inf")), "invalid_vector", "vectors[1].vector[2]"),
    ],
)
def test_a_bad_vector_is_refused_and_nothing_is_written(
    http: Client, books: str, vector: object, code: str, field: str
) -> None:
    """Its place in the batch is named; the good record beside it is not written either."""
    refused(upsert_one(http, books, {"id": "bad", "vector": vector}), 400, code, field)
    assert http.get(f"{books}/vectors").json()["ids"] == []
    query = http.post(f"{books}/query", {"vector": vector}) if vector is not None else None
    if query is not None:
        refused(query, 400, code)


@pytest.mark.parametrize(
    "number", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"nan", b"01", b".5", b"0x1"]
)
def test_numbers_that_json_does_not_have_are_refused(http: Client, books: str, number: bytes) -> None:
    """Where the body stops being JSON is said."""
    body = b'{"vectors":[{"id":"a","vector":[1,' + number + b",3]}]}"
    answer = http.post(f"{books}/vectors", content=body, headers={"Content-Type": "application/json"})
    problem = refused(answer, 400, "invalid_json")
    assert "line 1, column 3" in problem["detail"]


@pytest.mark.parametrize(
    "bad", ["", ".", "..", "a\n", "a\u2028b", "\x7f", "\U0010ffff", "a" * 513, "ü" * 257, 7, None, ["a"]]
)
def test_a_bad_id_is_refused(http: Client, books: str, bad: object) -> None:
    """On every route that takes one."""
    code = "invalid_id" if isinstance(bad, str) else "invalid_argument"
    refused(upsert_one(http, books, {"id": bad, "vector": [1, 2, 3]}), 400, code, "vectors[1].id")
    refused(http.post(f"{books}/vectors/fetch", {"ids": ["a", bad]}), 400, code, "ids[1]")
    refused(http.post(f"{books}/vectors/delete", {"ids": ["a", bad]}), 400, code, "ids[1]")
    refused(
        http.post(f"{books}/vectors/patch", {"patches": [{"id": bad, "set": {"a": 1}}]}),
        400,
        code,
        "patches[0].id",
    )
    if bad is not None:
        refused(http.post(f"{books}/query", {"id": bad}), 400, code, "id")


WIDE = (
    "https://example.org/a/b?c=d#e", "src/main.py", "a b", "naïve", "日本語", "\U0001f469\u200d\U0001f467",
    "e\u0301", "%2F", "+", "...", "x" * 512,
)  # fmt: skip


@pytest.mark.parametrize("record_id", WIDE)
def test_an_id_may_be_any_printable_text(http: Client, books: str, record_id: str) -> None:
    """Such as a URL or a path: percent-encoded where it is part of one, and as it is everywhere else."""
    path = f"{books}/vectors/{quote(record_id, safe='')}"
    assert upsert_one(http, books, {"id": record_id, "vector": [1, 2, 3]}).status_code == 200
    assert http.get(path).json()["id"] == record_id
    assert http.patch(path, {"set": {"n": 1}}).status_code == 200
    assert http.post(f"{books}/vectors/fetch", {"ids": [record_id]}).json()["records"][0]["metadata"] == {
        "n": 1
    }
    assert http.post(f"{books}/query", {"id": record_id, "top_k": 1}).status_code == 200
    listed = http.get(f"{books}/vectors", params={"prefix": record_id}).json()["ids"]
    assert listed == [record_id]
    assert http.delete(path).json()["deleted"] == 1


def test_the_contract_keeps_to_its_own_ids(http: Client, books: str) -> None:
    """It cannot name others, which are not there for it."""
    vector = [1.0] * 384
    refused_ids = [http.post("/api/vector/insert", {"id": one, "vector": vector}).status_code for one in WIDE]
    assert refused_ids == [400] * len(WIDE)
    assert http.post("/api/vector/insert", {"id": "a_b", "vector": vector}).status_code == 200
    http.post("/v1/namespaces/default/vectors", {"vectors": [{"id": "a b", "vector": vector}]})
    assert http.get("/api/vector/get/a%20b").status_code == 404
    assert http.delete("/api/vector/delete/a%20b").status_code == 404
    assert http.get("/v1/namespaces/default/vectors/a%20b").status_code == 200


@pytest.mark.parametrize("bad", ["%2e", "%2e%2e", "a%00", "a%0A", "a" * 513, "%F4%8F%BF%BF"])
def test_a_bad_id_in_a_path_is_refused(http: Client, books: str, bad: str) -> None:
    """On every route that takes one."""
    refused(http.get(f"{books}/vectors/{bad}"), 400, "invalid_id", "id")
    refused(http.delete(f"{books}/vectors/{bad}"), 400, "invalid_id")
    refused(http.patch(f"{books}/vectors/{bad}", {"set": {"a": 1}}), 400, "invalid_id")


def test_the_longest_id_is_accepted(http: Client, books: str) -> None:
    """256 characters."""
    record_id = "aZ0_-" * 51 + "z"
    assert upsert_one(http, books, {"id": record_id, "vector": [1, 2, 3]}).status_code == 200
    assert http.get(f"{books}/vectors/{record_id}").json()["id"] == record_id


def nested(levels: int) -> object:
    inner: object = 1
    for _ in range(levels):
        inner = {"a": inner}
    return inner


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ([], "vectors[1].metadata"),
        ("x", "vectors[1].metadata"),
        (3, "vectors[1].metadata"),
        (True, "vectors[1].metadata"),
        ({"a": "x" * 32_768}, "vectors[1].metadata"),
        (nested(33), None),
        (nested(60), None),
    ],
)
def test_bad_metadata_is_refused(http: Client, books: str, metadata: object, field: str | None) -> None:
    """No object, too large, too deep."""
    answer = upsert_one(http, books, {"id": "bad", "vector": [1, 2, 3], "metadata": metadata})
    refused(answer, 400, "invalid_metadata", field)


def test_nesting_beyond_any_use_is_not_parsed(http: Client, books: str) -> None:
    """Not a crash."""
    body = (
        b'{"vectors":[{"id":"a","vector":[1,2,3],"metadata":'
        + b'{"a":' * 50_000
        + b"1"
        + b"}" * 50_000
        + b"}]}"
    )
    answer = http.post(f"{books}/vectors", content=body, headers={"Content-Type": "application/json"})
    refused(answer, 400, "invalid_json")


def test_metadata_at_its_limits_is_accepted(http: Client, books: str) -> None:
    """Null counts as none; Unicode, long integers and 32 levels are kept as they are."""
    metadata = {"text": "é é 💎 \u0000", "n": 2**64 - 1, "m": -(2**63), "deep": nested(31), "null": None}
    assert upsert_one(http, books, {"id": "a", "vector": [1, 2, 3], "metadata": metadata}).status_code == 200
    assert http.get(f"{books}/vectors/a").json()["metadata"] == metadata
    assert upsert_one(http, books, {"id": "a", "vector": [1, 2, 3], "metadata": None}).status_code == 200
    assert http.get(f"{books}/vectors/a").json()["metadata"] == {}


@pytest.mark.parametrize("escape", [b"\\ud800", b"\\udc00", b"\\ud800\\u0041"])
def test_half_a_surrogate_pair_is_no_json(http: Client, books: str, escape: bytes) -> None:
    """It is not Unicode text, and could not be stored as any."""
    body = b'{"vectors":[{"id":"a","vector":[1,2,3],"metadata":{"a":"' + escape + b'"}}]}'
    answer = http.post(f"{books}/vectors", content=body, headers={"Content-Type": "application/json"})
    refused(answer, 400, "invalid_json")


def test_one_id_twice_in_a_batch_is_refused(http: Client, books: str) -> None:
    """Its outcome would depend on the order."""
    record = {"id": "a", "vector": [1, 2, 3]}
    refused(http.post(f"{books}/vectors", {"vectors": [record, record]}), 400, "duplicate_id", "vectors[1]")
    refused(http.post(f"{books}/vectors/delete", {"ids": ["a", "a"]}), 400, "duplicate_id", "ids[1]")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_argument", "vectors"),
        ({"vectors": []}, "too_large", "vectors"),
        ({"vectors": {}}, "invalid_argument", "vectors"),
        ({"vectors": [3]}, "invalid_argument", "vectors[0]"),
        ({"vectors": [{"id": "a"}]}, "invalid_vector", "vectors[0].vector"),
        ({"vectors": [{"vector": [1, 2, 3]}]}, "invalid_argument", "vectors[0].id"),
        (
            {"vectors": [{"id": "a", "vector": [1, 2, 3], "values": [1]}]},
            "invalid_argument",
            "vectors[0].values",
        ),
        ({"vectors": [{"id": f"r{n}", "vector": [1, 2, 3]} for n in range(1001)]}, "too_large", "vectors"),
        ({"records": []}, "invalid_argument", "vectors"),
    ],
)
def test_bad_batches_are_refused(http: Client, books: str, body: object, code: str, field: str) -> None:
    """With the place of what is wrong."""
    problem = refused(http.post(f"{books}/vectors", body), 400, code, field)
    assert "type=" not in problem["detail"]


def test_an_unknown_field_of_a_record_is_answered_with_the_known_ones(http: Client, books: str) -> None:
    """Those of a record, not of the body."""
    problem = refused(
        upsert_one(http, books, {"id": "a", "vector": [1], "values": [1]}), 400, "invalid_argument"
    )
    assert problem["hint"] == (
        "The fields here are id, vector (optional), metadata (optional), ttl_seconds (optional), "
        "expires_at (optional), if_version (optional), if_absent (optional)."
    )


def test_a_thousand_records_are_one_write(http: Client, books: str) -> None:
    """All with one version."""
    records = [{"id": f"r{n:04}", "vector": [1, n, 3]} for n in range(1000)]
    version = http.post(f"{books}/vectors", {"vectors": records}).json()["version"]
    fetched = http.post(f"{books}/vectors/fetch", {"ids": [record["id"] for record in records]}).json()
    assert {record["version"] for record in fetched["records"]} == {version}
    assert http.get(f"{books}/vectors?limit=1000").json()["cursor"] is None


def test_a_namespace_without_a_dimension_takes_no_vectors(http: Client) -> None:
    """It says why."""
    http.post("/v1/namespaces", {"name": "cache"})
    body = {"vectors": [{"id": "a", "vector": [1, 2, 3]}]}
    refused(http.post("/v1/namespaces/cache/vectors", body), 400, "invalid_argument", "namespace")
    refused(http.get("/v1/namespaces/cache/vectors"), 400, "invalid_argument", "namespace")


def test_half_precision_rounds_when_it_is_written(http: Client) -> None:
    """So a record reads the same before and after it is folded; a number beyond f16 is refused."""
    http.post("/v1/namespaces", {"name": "half", "dimension": 2, "metric": "dot", "precision": "f16"})
    path = "/v1/namespaces/half/vectors"
    http.post(path, {"vectors": [{"id": "a", "vector": [0.1, 2]}]})
    assert http.get(f"{path}/a").json()["vector"][0] == pytest.approx(0.09997559)
    refused(
        http.post(path, {"vectors": [{"id": "a", "vector": [70_000, 2]}]}),
        400,
        "invalid_vector",
        "vectors[0].vector",
    )


def test_what_half_precision_rounds_to_nothing_is_refused_where_direction_matters(http: Client) -> None:
    """A record that was let in would score 0 against itself, and could not be queried by its id."""
    for metric in ("cosine", "dot"):
        http.post("/v1/namespaces", {"name": metric, "dimension": 2, "metric": metric, "precision": "f16"})
    body = {"vectors": [{"id": "a", "vector": [1e-8, 2e-8]}]}
    problem = refused(
        http.post("/v1/namespaces/cosine/vectors", body), 400, "invalid_vector", "vectors[0].vector"
    )
    assert "Scale the vectors up" in problem["hint"]
    assert http.post("/v1/namespaces/dot/vectors", body).status_code == 200
    body = {"vectors": [{"id": "a", "vector": [1e-8, 4e-8]}]}
    assert http.post("/v1/namespaces/cosine/vectors", body).status_code == 200
    found = http.post("/v1/namespaces/cosine/query", {"id": "a"}).json()["matches"]
    assert found[0]["score"] == pytest.approx(1)


def test_a_zero_vector_is_fine_where_direction_does_not_matter(http: Client) -> None:
    """Under dot and euclidean."""
    http.post("/v1/namespaces", {"name": "plain", "dimension": 2, "metric": "euclidean"})
    answer = http.post("/v1/namespaces/plain/vectors", {"vectors": [{"id": "a", "vector": [0, 0]}]})
    assert answer.status_code == 200
