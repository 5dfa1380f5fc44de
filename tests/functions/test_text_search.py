"""Words, sparse vectors, several parts and groups through Function URLs, over DynamoDB and S3.

Whoever is asked, and wherever the records lie by then, the answer is that of looking at every record.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quartzdb.api.app import create_app
from quartzdb.api.asgi import Application
from quartzdb.aws_lambda.http_function import API_SETTINGS
from quartzdb.aws_lambda.telemetry import LambdaHandler
from quartzdb.domain.filter import parse
from quartzdb.domain.fusion import Fusion, QueryPart
from quartzdb.domain.query_documents import parse_sparse_query, parse_text_query
from quartzdb.storage.index.segments import partial_file
from quartzdb.storage.index.segments.partial_file import BLOCK_BYTES
from quartzdb.storage.index.segments.segment_files import POSTINGS_FILE
from quartzdb.storage.snapshot import fetched_files
from quartzdb.wiring.embedded import Database
from tests import text_model
from tests.aws_deployment import Deployment
from tests.aws_emulators import Emulators
from tests.embedded import vector_of
from tests.functions.conftest import SECRET, Reply, url_reply
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext

HandlerOf = Callable[[Application], LambdaHandler]
PATH = "/v1/namespaces/texts"
DIMENSION = 4
ROWS = 60
SOME = {"group": {"$lt": 4}}
WORDS: Sequence[tuple[dict[str, Any], Any]] = (
    ({"query": "heated wing flow"}, None),
    ({"query": "wing", "fields": {"title": 2, "body": 1}}, SOME),
    ({"query": 'heat "boundary layer" sup*', "must_not": ["plates"]}, None),
    ({"must": ["fl*"], "should": ["heat"]}, SOME),
    ({"query": "nobody has this"}, None),
)
SPARSE = {"indices": [3, 5, 2**32 - 1], "values": [1.0, -0.5, 2.0]}
VECTOR = vector_of(1_000, DIMENSION).tolist()
Ranking = list[tuple[str, float]]


class Function:
    """One instance, with a disk of its own."""

    def __init__(self, database: Database, handler_of: HandlerOf) -> None:
        self.database = database
        self._handler = handler_of(create_app(database, API_SETTINGS))
        self._key = database.api_keys.create("t", "test", ("read", "write", "admin"))[1]

    def post(self, target: str, document: Mapping[str, Any], status: int = 200) -> Any:
        """What it answers."""
        sent = function_url(
            "POST",
            target,
            headers={"x-api-key": self._key, "content-type": "application/json"},
            body=json.dumps(document).encode(),
            secret=SECRET,
        )
        reply: Reply = url_reply(self._handler(sent, FakeContext()))
        assert reply.status == status, reply.body
        return reply.json()

    def ranking(self, question: Mapping[str, Any]) -> Ranking:
        """Ids with their scores, all that match."""
        answer = self.post(f"{PATH}/query", {"top_k": ROWS, "include_metadata": False, **question})
        return [(match["id"], match["score"]) for match in answer["matches"]]


class Texts:
    """Records as they should be, and instances that are to say so."""

    def __init__(self, deployment: Deployment, handler_of: HandlerOf, shards: int) -> None:
        self.deployment = deployment
        self.shards = shards
        self._handler_of = handler_of
        self._draw = random.Random(shards)
        self.model: dict[str, dict[str, Any]] = {}
        self.writer = self.instance()
        declared = {
            name: {"language": field.language, "stemming": field.stemming, "stopwords": field.stopwords}
            for name, field in text_model.TEXT.items()
        }
        settings = {"dimension": DIMENSION, "shards": shards, "text": declared, "sparse": ["splade"]}
        self.writer.post("/v1/namespaces", {"name": "texts", **settings}, 201)
        self.other = self.instance()

    def instance(self, **settings: Any) -> Function:
        """A fresh one."""
        return Function(self.deployment.open(**settings), self._handler_of)

    def write(self, numbers: range) -> None:
        """Records by number, with new texts."""
        records = []
        for number in numbers:
            self.model[f"r{number}"] = text_model.metadata(self._draw)
            vector = base64.b64encode(vector_of(number, DIMENSION).tobytes()).decode()
            records.append({"id": f"r{number}", "vector": vector, "metadata": self.model[f"r{number}"]})
        self.writer.post(f"{PATH}/vectors", {"vectors": records})

    def patch(self, name: str, **fields: Any) -> None:
        """Another text."""
        self.model[name] = {**self.model[name], **fields}
        self.writer.post(f"{PATH}/vectors/patch", {"patches": [{"id": name, "set": fields}]})

    def delete(self, *names: str) -> None:
        """By id."""
        self.writer.post(f"{PATH}/vectors/delete", {"ids": names})
        for name in names:
            del self.model[name]

    def fold(self) -> None:
        """Every shard's log becomes a segment."""
        self.deployment.clock.seconds += 40
        namespace = self.writer.database.namespaces.get("t", "texts")
        for shard in namespace.each_shard:
            assert self.writer.database.indexer.fold(shard).published

    def check(self, **settings: Any) -> Function:
        """Whoever is asked answers alike, and right; returns a cold instance that was asked."""
        cold = self.instance(searches=True, **settings)
        answers = _answers(cold)
        self._check(answers)
        for function in (self.writer, self.other):
            assert _answers(function) == answers
        return cold

    def _check(self, answers: Mapping[str, Any]) -> None:
        for (words, condition), ranking in zip(WORDS, answers["words"], strict=True):
            parsed = None if condition is None else parse(condition)
            found = text_model.found(self.model, parse_text_query(words), parsed)
            assert dict(ranking) == pytest.approx(found, rel=1e-4, abs=1e-6)
        products = text_model.found_sparse(
            self.model, parse_sparse_query({"field": "splade", **SPARSE}), None
        )
        assert dict(answers["sparse"]) == pytest.approx(products, rel=1e-5, abs=1e-6)
        cosines = {name: _cosine(name) for name in self.model}
        assert dict(answers["vector"]) == pytest.approx(cosines, abs=1e-5)
        parts = {
            QueryPart.VECTOR: answers["vector"],
            QueryPart.TEXT: answers["words"][0],
            QueryPart.SPARSE: answers["sparse"],
        }
        fused = text_model.naively_fused(parts, Fusion())
        assert [name for name, _ in answers["hybrid"]] == [name for name, _ in fused]
        assert dict(answers["hybrid"]) == pytest.approx(dict(fused), rel=1e-9)
        assert answers["groups"] == text_model.in_groups(fused, self.model, 3)
        groups = [fields["group"] for fields in self.model.values()]
        assert answers["sizes"] == {group: groups.count(group) for group in set(groups)}
        assert answers["listed"] == {name for name, fields in self.model.items() if fields["group"] < 4}


def _answers(function: Function) -> dict[str, Any]:
    hybrid = {"vector": VECTOR, "text": WORDS[0][0], "sparse": SPARSE, "recall": 1}
    in_groups = {**hybrid, "group_by": {"field": "group", "per_group": 3, "groups": 10}}
    grouped = function.post(f"{PATH}/query", in_groups)["groups"]
    counted = function.post(f"{PATH}/aggregate", {"group_by": ["group"]})["groups"]
    listed = function.post(f"{PATH}/vectors/list", {"filter": SOME, "limit": ROWS})["records"]
    return {
        "words": [function.ranking({"text": words, "filter": condition}) for words, condition in WORDS],
        "sparse": function.ranking({"sparse": SPARSE}),
        "vector": function.ranking({"vector": VECTOR, "recall": 1, "page": True}),
        "hybrid": function.ranking(hybrid),
        "groups": [[match["id"] for match in group["matches"]] for group in grouped],
        "sizes": {group["values"]["group"]: group["records"] for group in counted},
        "listed": {one["id"] for one in listed},
    }


def _cosine(name: str) -> float:
    one, other = vector_of(int(name[1:]), DIMENSION).astype(np.float64), np.array(VECTOR)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.fixture(params=[("ministack", 3), ("moto", 1)], ids=["shards", "moto"])
def texts(request: pytest.FixtureRequest, aws: Emulators, tmp_path: Path, handler_of: HandlerOf) -> Texts:
    name, shards = request.param
    emulator = aws.get(name)
    return Texts(Deployment(name, emulator.endpoint_url, emulator.new_place(), tmp_path), handler_of, shards)


def test_from_the_tail_to_segments_to_a_cold_function(texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the log, in a segment of each shard, in several with dead rows, and read by ranges by who has seen nothing."""
    texts.write(range(40))
    texts.check()
    texts.fold()
    texts.write(range(30, ROWS))
    texts.patch("r3", body="wings in supersonic flow", group=1)
    texts.patch("r50", title=["heated plates", "the boundary layer"])
    texts.delete("r5", "r45")
    texts.check()
    texts.fold()
    texts.delete("r7")
    expiring = {"id": "r99", "metadata": {"body": "heat", "group": 0}, "ttl_seconds": 60}
    texts.writer.post(f"{PATH}/vectors", {"vectors": [{**expiring, "vector": VECTOR}]})
    assert "r99" in dict(texts.writer.ranking({"vector": VECTOR}))
    texts.deployment.clock.seconds += 61  # neither found nor counted from now on

    monkeypatch.setattr(fetched_files, "LISTS_FROM_BYTES", 0)
    monkeypatch.setattr(fetched_files, "POSTINGS_OPENING_BYTES", 100)
    for gaps in ("GAP_BLOCKS_MAX", "WIDE_GAP_BLOCKS_MAX", "ROUND_WORTH_BYTES"):
        monkeypatch.setattr(partial_file, gaps, 0)
    cold = texts.check()
    namespace = cold.database.namespaces.get("t", "texts")
    for shard in namespace.each_shard:
        for part in cold.database.readers.of(shard).view().parts:
            postings = part.segment._files.partial(POSTINGS_FILE)
            assert postings is not None
            assert postings.held_bytes > 0
    texts.check(fetched_bytes_max=3 * BLOCK_BYTES)
