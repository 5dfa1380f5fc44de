"""Key-value items: any bytes in, the same bytes out, under any text as a key, with expiry and compare-and-set."""

from __future__ import annotations

import random
import time

import pytest

from quartzdb.domain.limits import KEY_CHARACTERS_MAX, TTL_SECONDS_MAX, VALUE_BYTES_MAX
from tests.behaviour.http.client import Client, refused


@pytest.fixture
def kv(http: Client) -> str:
    """The path of the items of a namespace for key-values only."""
    assert http.post("/v1/namespaces", {"name": "cache"}).status_code == 201
    return "/v1/namespaces/cache/kv"


def test_bytes_come_back_as_they_were_put(http: Client, kv: str) -> None:
    """With their type and their version."""
    value = bytes(range(256))
    put = http.put(f"{kv}/k", content=value, headers={"Content-Type": "image/x-odd; a=b"})
    assert put.status_code == 200
    assert put.json()["key"] == "k"
    version = put.json()["version"]
    assert put.headers["etag"] == f'"{version}"'
    got = http.get(f"{kv}/k")
    assert got.content == value
    assert got.headers["content-type"] == "image/x-odd; a=b"
    assert got.headers["etag"] == f'"{version}"'
    assert got.headers["x-quartzdb-version"] == version
    assert "x-quartzdb-expires" not in got.headers


def test_a_type_is_neither_guessed_nor_completed(http: Client, kv: str) -> None:
    """text/plain gets no charset that its owner did not name; without a type it is bytes."""
    http.put(f"{kv}/text", content=b"\xff", headers={"Content-Type": "text/plain"})
    assert http.get(f"{kv}/text").headers["content-type"] == "text/plain"
    http.put(f"{kv}/none", content=b"x")
    assert http.get(f"{kv}/none").headers["content-type"] == "application/octet-stream"
    refused(
        http.put(f"{kv}/long", content=b"x", headers={"Content-Type": "a" * 257}),
        400,
        "invalid_argument",
        "content_type",
    )


def test_a_browser_may_not_run_what_is_stored(http: Client, kv: str) -> None:
    """Another's page under our address could act for whoever looks at it."""
    http.put(f"{kv}/page", content=b"<script>alert(1)</script>", headers={"Content-Type": "text/html"})
    headers = http.get(f"{kv}/page").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("sandbox")
    assert headers["cache-control"] == "private, no-cache"


def test_an_empty_value_is_a_value(http: Client, kv: str) -> None:
    """Other than no value."""
    http.put(f"{kv}/k", content=b"")
    got = http.get(f"{kv}/k")
    assert (got.status_code, got.content) == (200, b"")


def test_head_has_the_headers_without_the_value(http: Client, kv: str) -> None:
    """And 404 where there is none."""
    http.put(f"{kv}/k", content=b"12345", headers={"Content-Type": "text/plain"})
    head, got = http.head(f"{kv}/k"), http.get(f"{kv}/k")
    assert head.content == b""
    assert head.headers["content-length"] == "5"
    for name in ("etag", "content-type", "x-quartzdb-version"):
        assert head.headers[name] == got.headers[name]
    assert http.head(f"{kv}/nothing").status_code == 404


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a%2Fb", "a/b"),
        ("a/b", "a/b"),
        ("a%2F%2Fb", "a//b"),
        ("a//b", "a//b"),
        ("a%2fb%2F", "a/b/"),
        ("%2F", "/"),
        ("a/", "a/"),
        ("%2E%2E", ".."),
        ("%2E%2E%2F%2e%2e%2Fetc", "../../etc"),
        ("%252F", "%2F"),
        ("100%25", "100%"),
        ("a%3Fb%23c", "a?b#c"),
        ("a+b", "a+b"),
        ("a%20b", "a b"),
        ("%00", "\u0000"),
        ("%0A", "\n"),
        ("%F0%9F%92%8E", "💎"),
        ("k%C3%A9y", "k\u00e9y"),
        ("ke%CC%81y", "ke\u0301y"),
        ("a:b@c;d=e,f", "a:b@c;d=e,f"),
        ("batch-get", "batch-get"),
        ("get", "get"),
    ],
)
def test_the_rest_of_the_path_is_the_key(http: Client, kv: str, path: str, key: str) -> None:
    """Decoded once, and never normalised."""
    assert http.put(f"{kv}/{path}", content=key.encode()).json()["key"] == key
    assert http.get(f"{kv}/{path}").content == key.encode()
    assert [item["key"] for item in http.get(kv).json()["items"]] == [key]
    assert http.delete(f"{kv}/{path}").json()["deleted"] is True


def test_composed_and_decomposed_letters_are_different_keys(http: Client, kv: str) -> None:
    """They look the same, and are not."""
    http.put(f"{kv}/%C3%A9", content=b"composed")
    http.put(f"{kv}/e%CC%81", content=b"decomposed")
    assert http.get(f"{kv}/%C3%A9").content == b"composed"
    assert http.get(f"{kv}/e%CC%81").content == b"decomposed"


@pytest.mark.parametrize("path", ["%FF", "a%C3", "%ED%A0%80", "%C0%AF"])
def test_a_path_that_is_no_utf8_is_refused(http: Client, kv: str, path: str) -> None:
    """Half characters, surrogates and overlong forms."""
    for method in ("GET", "PUT", "DELETE"):
        refused(http.request(method, f"{kv}/{path}"), 400, "invalid_path")


def test_keys_have_limits(http: Client, kv: str) -> None:
    """Counted in characters, not in bytes."""
    longest = "é" * KEY_CHARACTERS_MAX
    assert http.put(f"{kv}/{longest}", content=b"x").status_code == 200
    assert http.get(f"{kv}/{longest}").content == b"x"
    for method in ("GET", "PUT", "DELETE"):
        refused(http.request(method, f"{kv}/{longest}x"), 400, "invalid_key", "key")
        refused(http.request(method, f"{kv}/"), 400, "invalid_key", "key")


def test_what_does_not_exist_is_not_found(http: Client, kv: str) -> None:
    """Deleting it is no error."""
    refused(http.get(f"{kv}/k"), 404, "key_not_found", "key")
    answer = http.delete(f"{kv}/k").json()
    assert answer["deleted"] is False
    assert answer["version"]


def test_a_value_of_ten_megabytes_goes_in_and_out(http: Client, kv: str) -> None:
    """One byte more does not."""
    value = random.Random(1).randbytes(VALUE_BYTES_MAX)
    assert http.put(f"{kv}/large", content=value).status_code == 200
    assert http.get(f"{kv}/large").content == value
    refused(http.put(f"{kv}/large", content=value + b"x"), 413, "body_too_large")
    assert http.get(f"{kv}/large").content == value


def test_a_value_ends_with_its_time_to_live(http: Client, kv: str) -> None:
    """For reads, listings and conditions alike."""
    put = http.put(f"{kv}/k?ttl_seconds=0.3", content=b"v")
    assert put.status_code == 200
    assert http.get(f"{kv}/k").headers["x-quartzdb-expires"].endswith("Z")
    assert http.get(kv).json()["items"][0]["expires_at"].endswith("Z")
    time.sleep(0.35)
    refused(http.get(f"{kv}/k"), 404, "key_not_found")
    assert http.get(kv).json()["items"] == []
    assert http.put(f"{kv}/k", content=b"new", headers={"If-None-Match": "*"}).status_code == 200


@pytest.mark.parametrize("ttl", ["0", "-1", "nan", "inf", "1e99", str(TTL_SECONDS_MAX + 1), "soon", ""])
def test_a_bad_time_to_live_is_refused(http: Client, kv: str, ttl: str) -> None:
    """By its name."""
    refused(http.put(f"{kv}/k?ttl_seconds={ttl}", content=b"v"), 400, "invalid_argument", "ttl_seconds")


def test_a_put_can_ask_for_a_version(http: Client, kv: str) -> None:
    """Compare-and-set: only one of two writers that read the same version succeeds."""
    etag = http.put(f"{kv}/k", content=b"1").headers["etag"]
    won = http.put(f"{kv}/k", content=b"2", headers={"If-Match": etag})
    assert won.status_code == 200
    problem = refused(
        http.put(f"{kv}/k", content=b"3", headers={"If-Match": etag}), 412, "precondition_failed", "key"
    )
    assert won.json()["version"] in problem["detail"]
    assert http.get(f"{kv}/k").content == b"2"


def test_a_put_can_ask_that_there_is_nothing(http: Client, kv: str) -> None:
    """A deleted key counts as nothing."""
    new = {"If-None-Match": "*"}
    assert http.put(f"{kv}/k", content=b"1", headers=new).status_code == 200
    refused(http.put(f"{kv}/k", content=b"2", headers=new), 412, "precondition_failed", "key")
    http.delete(f"{kv}/k")
    assert http.put(f"{kv}/k", content=b"3", headers=new).status_code == 200


def test_a_delete_can_ask_for_a_version(http: Client, kv: str) -> None:
    """It is not done if the key has moved on."""
    old = http.put(f"{kv}/k", content=b"1").headers["etag"]
    etag = http.put(f"{kv}/k", content=b"2").headers["etag"]
    refused(http.delete(f"{kv}/k", headers={"If-Match": old}), 412, "precondition_failed")
    assert http.delete(f"{kv}/k", headers={"If-Match": etag}).json()["deleted"] is True
    refused(http.delete(f"{kv}/k", headers={"If-Match": etag}), 412, "precondition_failed")


@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        ({"If-Match": "abc"}, 400, "If-Match"),
        ({"If-Match": "*, *"}, 400, "If-Match"),
        ({"If-Match": ""}, 400, "If-Match"),
        ({"If-Match": '"a" "b"'}, 400, "If-Match"),
        ({"If-None-Match": "a"}, 400, "If-None-Match"),
        ({"If-Match": "*"}, 412, "key"),
        ({"If-Match": '"a", "b"'}, 412, "key"),
        ({"If-Match": '"nobody"'}, 412, "key"),
        ({"If-Match": 'W/"0197f3c2ab4d0000.local.3f9c2a1b"'}, 412, "key"),
        ({"If-Match": '"a"', "If-None-Match": "*"}, 400, "If-Match"),
        ({"X-QuartzDB-Version": "yesterday"}, 400, "version"),
    ],
)
def test_conditions_that_cannot_hold_are_refused(
    http: Client, kv: str, headers: dict[str, str], status: int, field: str
) -> None:
    """Never passed over: the write would be done without its condition."""
    for method in ("PUT", "DELETE"):
        answer = http.request(method, f"{kv}/k", headers=headers)
        assert (answer.status_code, answer.json()["field"]) == (status, field)
    refused(http.get(f"{kv}/k"), 404, "key_not_found")


def test_conditions_take_lists_and_stars(http: Client, kv: str) -> None:
    """Any of several versions, any version at all, and none of several."""
    old = http.put(f"{kv}/k", content=b"1").headers["etag"]
    now = http.put(f"{kv}/k", content=b"2", headers={"If-Match": "*"}).headers["etag"]
    refused(
        http.put(f"{kv}/k", content=b"3", headers={"If-Match": f'{old}, "x"'}), 412, "precondition_failed"
    )
    refused(
        http.put(f"{kv}/k", content=b"3", headers={"If-None-Match": f"{old}, {now}"}),
        412,
        "precondition_failed",
    )
    assert http.put(f"{kv}/k", content=b"3", headers={"If-None-Match": old}).status_code == 200
    last = http.put(f"{kv}/k", content=b"4", headers={"If-None-Match": f"{old},{now}"}).headers["etag"]
    assert http.get(f"{kv}/k", headers={"If-None-Match": f'"x", W/{last}'}).status_code == 304
    refused(http.get(f"{kv}/k", headers={"If-Match": now}), 412, "precondition_failed", "If-Match")
    assert http.get(f"{kv}/k", headers={"If-Match": f"{now}, {last}"}).content == b"4"
    assert http.delete(f"{kv}/k", headers={"If-Match": f"{now}, {last}"}).json()["deleted"] is True


def test_a_read_can_skip_what_it_has(http: Client, kv: str) -> None:
    """304 while the version is the same, also if a proxy made the tag weak."""
    etag = http.put(f"{kv}/k", content=b"1").headers["etag"]
    for tag in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = http.get(f"{kv}/k", headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
    http.put(f"{kv}/k", content=b"2")
    assert http.get(f"{kv}/k", headers={"If-None-Match": etag}).content == b"2"


def test_a_write_is_ordered_after_its_token(http: Client, kv: str) -> None:
    """Whichever key the token came from."""
    token = http.put(f"{kv}/a", content=b"1").json()["version"]
    put = http.put(f"{kv}/b", content=b"1", headers={"X-QuartzDB-Version": token})
    assert put.json()["version"] > token
    deleted = http.delete(f"{kv}/b", headers={"X-QuartzDB-Version": put.json()["version"]})
    assert deleted.headers["x-quartzdb-version"] == deleted.json()["version"] > put.json()["version"]


def test_writers_that_race_for_a_key_have_one_winner(http: Client, kv: str) -> None:
    """Of eight that want it to be new."""
    answers = http.together(
        *(("PUT", f"{kv}/lock", {"content": b"%d" % n, "headers": {"If-None-Match": "*"}}) for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
