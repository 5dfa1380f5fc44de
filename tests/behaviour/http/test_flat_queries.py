"""A query that takes every short cut is answered as one that takes none: status, headers and body, byte for byte."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from quartzdb.api import edge
from quartzdb.api.app import create_app
from quartzdb.api.edge import Edge
from quartzdb.api.pace import Pace
from quartzdb.api.routes import query as routes
from quartzdb.api.schemas.vectors import Query
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.grant import GrantLimits, TenantGrant
from quartzdb.domain.record import Match
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client

_TIMES = re.compile(rb'"milliseconds":[0-9.e-]+')
_TENANT = "flat"
_numbers = st.floats(-10, 10, width=32) | st.integers(-3, 3)
_vectors = (
    st.lists(_numbers, min_size=3, max_size=3)
    | st.lists(_numbers, min_size=3, max_size=3).map(
        lambda some: base64.b64encode(struct.pack("<3f", *some)).decode()
    )
    | st.sampled_from(
        [[], [0, 0, 0], [1, 2], [1, True, 2], ["1", 2, 3], [1e39, 0, 0], [1e20, 0, 0], "no base64", {}, 1]
    )
)
_filters = st.sampled_from(
    [
        {},
        {"year": 1965},
        {"year": {"$gt": 1970}},
        {"tags": "a"},
        {"year": {"$no": 1}},
        {"$or": []},
        [],
        "x",
        1,
    ]
)
_bodies = st.fixed_dictionaries(
    {"vector": _vectors},
    optional={
        "top_k": st.sampled_from([1, 3, 10, 100, 101, 0, 10_001, True, 2.0, "3", None]),
        "filter": _filters,
        "recall": st.sampled_from([0.5, 0.95, 1, 1.0, 0.1, 2.0, True, "x", None]),
        "min_recall": st.sampled_from([0.9, 1, 3.0]),
        "min_score": st.sampled_from([-1.0, 0.5, 1, "x"]),
        "include_vectors": st.sampled_from([True, False, "base64", "numbers", 1]),
        "include_metadata": st.sampled_from([True, False, 1]),
        "consistency": st.sampled_from(["strong", "eventual", "weak"]),
        "version": st.sampled_from(["0000000000000000.local", "x"]),
        "dry_run": st.booleans(),
        "explain": st.booleans(),
        "page": st.booleans(),
        "id": st.sampled_from(["0", "none", ""]),
        "distinct": st.just("year"),
        "group_by": st.just({"field": "year"}),
        "text": st.just({"query": "x"}),
        "unknown": st.just(1),
    },
)
_contents = _bodies.map(lambda body: json.dumps(body).encode()) | st.sampled_from(
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"vector":[NaN,0,0]}',
        b'{"vector":[1,0,0],"vector":[0,1,0]}',
        b"\xff",
        b"[" * 500,
    ]
)
_headers = st.fixed_dictionaries(
    {"content-type": st.sampled_from(["application/json", "application/json; charset=utf-8", "text/plain"])},
    optional={
        "if-match": st.just('"x"'),
        "idempotency-key": st.just("k"),
        "x-quartzdb-active": st.just("no"),
        "content-encoding": st.sampled_from(["gzip", "br"]),
    },
)
_USUAL = json.dumps({"vector": [1.0, 0.5, 0.25], "top_k": 5, "recall": 0.95}).encode()
_JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def keys(database: Database) -> dict[str, str]:
    """Of a tenant with a rate, which every answer tells of."""
    database.tenants.put(
        TenantGrant(_TENANT, 1, limits=GrantLimits(requests_per_second=100_000, burst=100_000))
    )

    def made(*scopes: str, **more: Any) -> str:
        return database.api_keys.create(_TENANT, "flat", scopes, **more)[1]

    return {
        "reads": made("read"),
        "writes": made("write"),
        "all": made("read", "write", "admin"),
        "elsewhere": made("read", namespaces=("other",)),
    }


@pytest.fixture(scope="module")
def app_of_short_cuts(database: Database, keys: dict[str, str]) -> Edge:
    app = create_app(database, ApiSettings(failures_burst=10_000))
    with Client(app, keys["all"]) as client:
        client.post("/v1/namespaces", {"name": "n", "dimension": 3})
        records = [
            {
                "id": f"{place}\N{GREEK SMALL LETTER ALPHA}" if place % 5 == 0 else str(place),
                "vector": [1, place / 7, -place / 3],
                "metadata": {"year": 1960 + place, "tags": ["a", 'q"uote'], "deep": {"x": [1.5, None, True]}},
                **({"ttl_seconds": 3_000} if place % 4 == 0 else {}),
            }
            for place in range(30)
        ]
        assert client.post("/v1/namespaces/n/vectors", {"vectors": records}).status_code == 200
    return app


@pytest.fixture(scope="module")
def app_of_none(database: Database, app_of_short_cuts: Edge) -> Edge:
    return create_app(database, ApiSettings(failures_burst=10_000, brief_on_loop=False))


def _seen(answer: httpx.Response) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    # The length of an answer follows from how many digits its time has; what is left of a rate, from the clock.
    headers = [
        (name, b"" if name in {b"content-length", b"ratelimit", b"retry-after"} else value)
        for name, value in answer.headers.raw
    ]
    return answer.status_code, headers, _TIMES.sub(b"", answer.content)


def _general(matches: Sequence[Match], *, metadata: bool) -> list[dict[str, object]]:
    asked = Query.model_validate({"include_metadata": metadata})
    return [routes.match_document(match, asked) for match in matches]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=_contents,
    headers=_headers,
    key=st.sampled_from(["reads"] * 5 + ["all", "writes", "elsewhere", "none", "wrong"]),
    path=st.sampled_from(["n"] * 6 + ["n?x=1", "none", "%6E", "a%2Fb", "Not a name", ""]),
)
@example(content=_USUAL, headers=_JSON, key="reads", path="n")
@example(content=_USUAL, headers={**_JSON, "if-match": '"x"'}, key="reads", path="n")
def test_a_query_is_answered_the_same_with_and_without_short_cuts(
    app_of_short_cuts: Edge,
    app_of_none: Edge,
    keys: dict[str, str],
    content: bytes,
    headers: dict[str, str],
    key: str,
    path: str,
) -> None:
    """Whatever is asked, right or wrong, by whoever it is."""
    name, _, asked = path.partition("?")
    url = f"/v1/namespaces/{name}/query" + (f"?{asked}" if asked else "")
    sent = {**headers, "x-request-id": "the-same"}
    who = {"none": None, "wrong": "qz_no_such_key"}.get(key, keys.get(key))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(routes, "plain_query", lambda _: None)
        patched.setattr(routes, "_plain_documents", _general)
        patched.setattr(edge, "_BRIEF_PATH_BYTES_MAX", 0)
        with Client(app_of_none, who) as client:
            expected = _seen(client.post(url, content=content, headers=sent))
    with pytest.MonkeyPatch.context() as patched, Client(app_of_short_cuts, who) as client:
        patched.setattr(Pace, "is_brief", lambda *_: True)
        for _ in range(2):  # the second time its path is known
            assert _seen(client.post(url, content=content, headers=sent)) == expected


def test_the_usual_query_takes_every_short_cut(
    app_of_short_cuts: Edge, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or nothing would have been compared: no thread, no pydantic, no document of the general kind."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Pace, "is_brief", lambda *_: True)
    monkeypatch.setattr("quartzdb.api.fair_threads.FairThreads.run", never)
    monkeypatch.setattr("quartzdb.api.call.validate", never)
    monkeypatch.setattr(routes, "match_document", never)
    with Client(app_of_short_cuts, keys["reads"]) as client:
        for _ in range(2):
            answer = client.post("/v1/namespaces/n/query", content=_USUAL, headers=_JSON)
        monkeypatch.setattr(edge, "canonical_path", never)
        again = client.post("/v1/namespaces/n/query", content=_USUAL, headers=_JSON)
    assert answer.status_code == again.status_code == 200
    assert len(again.json()["matches"]) == 5
