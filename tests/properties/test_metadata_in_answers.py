"""Metadata is put into answers as it is stored, byte for byte what decoding and encoding it would give."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from quartzdb.api.app import create_app
from quartzdb.api.settings import ApiSettings
from quartzdb.domain.metadata import Scalar
from quartzdb.domain.namespace import Namespace, NamespaceSettings
from quartzdb.domain.record import Match
from quartzdb.services.record_rules import MetadataPatch, NewRecord
from quartzdb.services.search import QueryRequest
from quartzdb.wiring.embedded import Database
from tests.behaviour.http.client import Client
from tests.embedded import embedded, fold

DIMENSION = 3
TRICKY: list[Scalar] = [
    0, -0.0, 1, 1.0, 1e16, 1e22, 5e-324, 0.1, 2**53 + 1, -(2**63), 2**64 - 1, True, None,
    "", "$expires_at", '"\\/\b\u0000\u001f\u007f', "é", "🜁", "\u2028", "<&>",
]  # fmt: skip
scalars = st.one_of(
    st.sampled_from(TRICKY),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
keys = st.one_of(st.sampled_from(["z", "a", "é", "n", "$expires_at.x", " "]), st.text('ab"\\é', min_size=1))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=4,
)
records = st.lists(
    st.tuples(st.dictionaries(keys, values, max_size=4), st.booleans(), st.booleans()), min_size=1, max_size=8
)


def write(database: Database, namespace: Namespace, some: list[Any], prefix: str) -> None:
    """Records with this metadata; of each whether it expires, and whether it is patched."""
    choice = np.random.default_rng(len(some))
    later_ms = 4_000_000_000_000
    database.records.upsert(
        namespace,
        [
            NewRecord(
                f"{prefix}{number}",
                choice.standard_normal(DIMENSION).astype(np.float32),
                metadata,
                later_ms if expires else None,
            )
            for number, (metadata, expires, _) in enumerate(some)
        ],
    )
    patches = [
        MetadataPatch(f"{prefix}{number}", {"n": 1.5, "z": "patched"}, ("a",))
        for number, (_, _, patched) in enumerate(some)
        if patched
    ]
    if patches:
        database.records.patch(namespace, patches)


def answers(client: Client) -> list[bytes]:
    """Whole answers, but for the time that they took."""
    path = "/v1/namespaces/n/query"
    plain = {"vector": [1, 0, 0], "top_k": 50, "recall": 1}
    asked = [
        (path, plain),
        (path, {**plain, "include_metadata": False}),
        (path, {**plain, "include_vectors": True, "explain": True}),
        (path, {**plain, "page": True, "top_k": 3}),
        (path, {**plain, "group_by": {"field": "z"}}),
        (path, {**plain, "distinct": "n"}),
        (f"{path}/batch", {"queries": [plain, {**plain, "top_k": 2}]}),
        ("/v1/namespaces/n/vectors/list", {}),
        ("/v1/namespaces/n/vectors/list", {"include_metadata": ["z", "n"]}),
    ]
    got = [client.post(place, body) for place, body in asked]
    assert [one.status_code for one in got] == [200] * len(got), [one.text for one in got]
    return [re.sub(rb'"milliseconds":[0-9.e-]+', b'"milliseconds":0', one.content) for one in got]


@settings(max_examples=12, phases=[Phase.explicit, Phase.generate])  # to shrink takes minutes
@given(in_segment=records, in_tail=records)
def test_answers_are_those_of_decoding_and_encoding(in_segment: list[Any], in_tail: list[Any]) -> None:
    """Of segments with and without expiring rows, patched or not, and of the tail; in every shape of answer."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patched:
        place = embedded(Path(directory))
        database = place.open()
        namespace, _ = database.namespaces.create("t", "n", NamespaceSettings(DIMENSION))
        write(database, namespace, in_segment, "s")
        fold(database, place.clock, namespace)
        write(database, namespace, in_tail, "t")
        key = database.api_keys.create("t", "test", ("read",))[1]
        with Client(create_app(database, ApiSettings()), key) as client:
            spliced = answers(client)
            question = QueryRequest(vector=np.ones(DIMENSION, np.float32), top_k=50)
            passed_on = {
                one.id for one in database.search.query(namespace, question).matches if one.metadata_json
            }
            assert passed_on >= {
                f"s{number}" for number, (_, expires, _) in enumerate(in_segment) if not expires
            }
            patched.setattr(Match, "metadata_json", None)
            assert answers(client) == spliced
        shown = {match["id"]: match["metadata"] for match in orjson.loads(spliced[0])["matches"]}
        for prefix, some in (("s", in_segment), ("t", in_tail)):
            for number, (metadata, _, is_patched) in enumerate(some):
                wanted = dict(metadata)
                if is_patched:
                    wanted.pop("a", None)
                    wanted |= {"n": 1.5, "z": "patched"}
                assert orjson.dumps(shown[f"{prefix}{number}"]) == orjson.dumps(wanted)
