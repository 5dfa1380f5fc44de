"""A small request for an enormous answer: refused before anything is searched for, or as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from quartzdb.api.app import create_app
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from tests.abuse.measured import MB, measured
from tests.behaviour.http.client import Client, refused
from tests.embedded import embedded, fold

WIDE, LONG = 4096, 8


def wide_answers(directory: Path, bodies: dict[str, Any]) -> Callable[[], Any]:
    """A thousand records of the largest dimension, and a reader of them."""
    database = open_embedded(EmbeddedSettings(directory))
    namespace, _ = database.namespaces.create("t", "wide", NamespaceSettings(WIDE))
    vectors = np.random.default_rng(7).standard_normal((1000, WIDE)).astype(np.float32)
    for first in range(0, 1000, 250):
        records = [NewRecord(f"r{first + n}", vectors[first + n]) for n in range(250)]
        database.records.upsert(namespace, records)
    client = Client(create_app(database), database.api_keys.create("t", "k", ("read",))[1])
    client.post("/v1/namespaces/wide/query", {"vector": [1] * WIDE, "top_k": 1})

    def ask() -> dict[str, Any]:
        answers = {}
        for path, body in bodies.items():
            answer = client.post(f"/v1/namespaces/wide/{path}", body)
            known = answer.json() if answer.status_code != 200 else {}
            answers[path] = answer.status_code, known.get("code"), known.get("field"), len(answer.content)
        return answers

    return ask


def test_an_answer_is_bounded_before_it_is_searched_for(tmp_path: Path) -> None:
    """3 KB of queries for a thousand vectors each made an answer of 1.7 GB. What has to be left out is told."""
    query = {"id": "r1", "top_k": 1000, "include_vectors": True}
    run = measured(wide_answers, tmp_path, {"query/batch": {"queries": [query] * 40}})
    status, code, field, _ = run.result["query/batch"]
    assert (status, code, field) == (422, "answer_too_large", "queries[1].top_k")
    assert run.rise_bytes < 50 * MB, run
    assert run.cpu_seconds < 2, run


def test_what_one_query_may_ask_for_is_still_answered(tmp_path: Path) -> None:
    """The most records with the longest vectors as numbers, found or fetched."""
    run = measured(
        wide_answers,
        tmp_path,
        {
            "query": {"id": "r1", "top_k": 1000, "include_vectors": True},
            "vectors/fetch": {"ids": [f"r{n}" for n in range(1000)]},
        },
    )
    assert {path: status for path, (status, *_) in run.result.items()} == {"query": 200, "vectors/fetch": 200}
    assert run.rise_bytes < 600 * MB, run


def long_metadata(directory: Path, *, in_segment: bool) -> Callable[[], Any]:
    """A thousand records with 16 KB of metadata, in a segment or in the tail."""
    site = embedded(directory)
    database = site.open()
    namespace, _ = database.namespaces.create("t", "long", NamespaceSettings(LONG))
    text = {"text": "x" * 16_000}
    vectors = np.random.default_rng(7).standard_normal((1000, LONG)).astype(np.float32)
    database.records.upsert(namespace, [NewRecord(f"r{n}", vector, text) for n, vector in enumerate(vectors)])
    if in_segment:
        fold(database, site.clock, namespace)
    client = Client(create_app(database), database.api_keys.create("t", "k", ("read",))[1])
    query = {"vector": [1] * LONG, "top_k": 1000}

    def ask() -> list[tuple[int, str | None]]:
        answers = []
        for queries in (
            [query] * 100,
            [{**query, "include_metadata": False}] * 100,
            [{**query, "top_k": 10}] * 100,
        ):
            answer = client.post("/v1/namespaces/long/query/batch", {"queries": queries})
            answers.append((answer.status_code, None if answer.status_code == 200 else answer.json()["code"]))
        return answers

    return ask


def test_metadata_is_counted_as_it_is_read(tmp_path: Path) -> None:
    """1.6 GB of it was asked for; leaving it out, or fewer records, is answered."""
    for in_segment in (True, False):
        run = measured(_long_metadata, tmp_path / str(in_segment), in_segment)
        assert run.result == [(422, "answer_too_large"), (200, None), (200, None)]
        assert run.rise_bytes < 400 * MB, run


def _long_metadata(directory: Path, in_segment: bool) -> Callable[[], Any]:
    return long_metadata(directory, in_segment=in_segment)


def values(directory: Path) -> Callable[[], Any]:
    """Values that grow sixfold as JSON."""
    database = open_embedded(EmbeddedSettings(directory))
    namespace, _ = database.namespaces.create("t", "kv", NamespaceSettings())
    for number in range(3):
        database.key_values.put(namespace, NewItem(f"k{number}", b"\x01" * 9 * MB))
    client = Client(create_app(database), database.api_keys.create("t", "k", ("read",))[1])

    def ask() -> list[Any]:
        return [
            refused(
                client.post("/v1/namespaces/kv/kv-batch/get", {"keys": ["k0", "k1", "k2"]}),
                422,
                "answer_too_large",
            )["hint"],
            refused(client.get("/v1/namespaces/kv/kv?values=true"), 422, "answer_too_large")["hint"],
            client.get("/v1/namespaces/kv/kv?values=true&limit=1").status_code,
        ]

    return ask


def test_values_are_counted_as_they_are_written(tmp_path: Path) -> None:
    """A control character is six in JSON."""
    run = measured(values, tmp_path)
    assert run.result[2] == 200, "one is an answer that fits"
    assert all("fewer" in hint for hint in run.result[:2])
    assert run.rise_bytes < 400 * MB, run
