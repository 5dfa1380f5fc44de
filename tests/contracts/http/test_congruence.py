"""Random operations, by seed, on all deployments side by side: every answer of each is the answer of the others."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.contracts.http.deployments import Asking, Deployment
from tests.contracts.http.records import DIMENSION

SEEDS = range(6)
OPERATIONS = 120
KEYS = ["k", "a/b", "grüß", "..", "a b", "%41", "\u0000", "k" * 512, "💎", "__proto__"]
BAD_KEYS = ["", "k" * 513]
IDS = [f"r{number}" for number in range(12)]
BAD_IDS = ["", "a b", "a" * 257, "é"]
OWN_WORDS = {
    "message",
    "error",
    "algorithm",
    "recommendation",
    "num_vectors",
    "num_deleted",
    "deletion_ratio_percent",
}
"""What each deployment says in its own words, or counts in its own way."""

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture
def sides(deployments: list[Deployment], tenant: str) -> Iterator[list[Asking]]:
    """A client of one tenant of each."""
    with ExitStack() as closing:
        clients = [deployment.client(deployment.make_key(tenant)) for deployment in deployments]
        for client in clients:
            closing.callback(client.close)
        yield clients


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_operations_have_the_same_answers(sides: list[Asking], seed: int) -> None:
    """Statuses, codes, fields, ids and their order; scores to four digits, vectors to the bit."""
    operations = Operations(random.Random(f"congruence/{seed}"))
    for turn in range(OPERATIONS):
        method, path, options = operations.next()
        answers = [side.request(method, path, **options) for side in sides]
        seen = [said(answer) for answer in answers]
        for other in seen[1:]:
            assert_alike(seen[0], other, f"seed {seed}, turn {turn}: {method} {path} {str(options)[:200]}")


def said(answer: httpx.Response) -> dict[str, Any]:
    """Of an answer, what has to be the same everywhere."""
    headers = ("content-type", "access-control-allow-origin", "www-authenticate", "cache-control")
    return {
        "status": answer.status_code,
        "headers": {name: answer.headers.get(name) for name in headers},
        "body": without_own_words(answer.json()),
    }


def without_own_words(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: without_own_words(value) for name, value in document.items() if name not in OWN_WORDS}
    return [without_own_words(each) for each in document] if isinstance(document, list) else document


def assert_alike(one: Any, other: Any, where: str) -> None:
    """Equal, and numbers nearly."""
    if isinstance(one, dict):
        assert isinstance(other, dict), where
        assert one.keys() == other.keys(), where
        for name in one:
            assert_alike(one[name], other[name], f"{where} .{name}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for position, pair in enumerate(zip(one, other, strict=True)):
            assert_alike(*pair, f"{where} [{position}]")
    elif isinstance(one, float) or isinstance(other, float):
        # Two decimals may be equally near to a 32-bit float.
        assert one == pytest.approx(other, abs=1e-4, rel=1e-7), where
    else:
        assert one == other, where


class Operations:
    """Draws operations on few keys and ids, so that they meet; some are wrong."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def next(self) -> Operation:
        kinds = [
            (3, self._put),
            (3, lambda: ("GET", f"/api/get/{self._quoted(self._key())}", {})),
            (2, lambda: ("DELETE", f"/api/delete/{self._quoted(self._key())}", {})),
            (4, lambda: ("POST", "/api/vector/insert", {"json": self._record()})),
            (2, self._batch),
            (3, lambda: ("GET", f"/api/vector/get/{self._quoted(self._id())}", {})),
            (4, self._search),
            (2, lambda: ("DELETE", f"/api/vector/delete/{self._quoted(self._id())}", {})),
            (1, lambda: ("DELETE", "/api/vector/delete", {"json": {"id": self._id()}})),
            (1, lambda: ("GET", "/api/vector/stats", {})),
            (1, self._nonsense),
        ]
        return self._chance.choices([kind for _, kind in kinds], [weight for weight, _ in kinds])[0]()

    def _put(self) -> Operation:
        value = "".join(self._chance.choices('aé\u0000💎\\"\n', k=self._chance.randrange(20)))
        return "POST", "/api/put", {"json": {"key": self._key(), "value": value}}

    def _batch(self) -> Operation:
        records = [self._record() for _ in range(self._chance.randrange(1, 8))]
        if self._chance.random() < 0.3:
            records.append(self._chance.choice([3, None, [], {}, {"id": 3}, {"id": "r1", "vector": "x"}]))
        return "POST", "/api/vector/batch-insert", {"json": {"vectors": records}}

    def _search(self) -> Operation:
        name = self._chance.choice(["vector", "query"])
        body: dict[str, Any] = {name: self._vector()}
        if self._chance.random() < 0.7:
            body["k"] = self._chance.choice([1, 2, 5, 100, 1000, 0, 1001, -1, 2.5, "3", None, True])
        return "POST", "/api/vector/search", {"json": body}

    def _nonsense(self) -> Operation:
        nonsense: list[Operation] = [
            ("POST", "/api/put", {"content": b"{"}),
            ("POST", "/api/put", {"content": b'{"key":"k","value":1e999}'}),
            ("POST", "/api/put", {"content": b'{"key":"k","value":"\\udc00"}'}),
            ("POST", "/api/put", {"content": b'\xef\xbb\xbf{"key":"k","value":"v"}'}),
            ("POST", "/api/put", {"content": b'{"key":"k","key":"a/b","value":"v"}'}),
            ("POST", "/api/vector/insert", {"content": b"[" * 2_000 + b"]" * 2_000}),
            ("POST", "/api/vector/search", {"json": {"k": 3}}),
            ("GET", "/api/get/%FF", {}),
            ("GET", "/api/get/%zz", {}),
            ("GET", "/api/nothing", {}),
            ("PUT", "/api/put", {"json": {}}),
            ("POST", "/api/put", {"json": {"key": "k"}, "headers": {"Content-Encoding": "br"}}),
        ]
        return self._chance.choice(nonsense)

    def _key(self) -> str:
        return self._chance.choice(BAD_KEYS if self._chance.random() < 0.05 else KEYS)

    def _id(self) -> str:
        return self._chance.choice(BAD_IDS if self._chance.random() < 0.05 else IDS)

    def _record(self) -> Any:
        record: dict[str, Any] = {"id": self._id(), "vector": self._vector()}
        if self._chance.random() < 0.7:
            values = [1, -5, 0.25, 2**60 + 1, "text", None, True, [1, "two"], {"deep": {"er": []}}]
            record["metadata"] = {
                name: self._chance.choice(values)
                for name in self._chance.sample(["a", "b", "1", "__proto__"], 2)
            }
        elif self._chance.random() < 0.2:
            record["metadata"] = self._chance.choice(
                [None, [], "x", {"a": "x" * 32_768}, {"é": "é" * 16_000}]
            )
        return record

    def _vector(self) -> Any:
        if self._chance.random() < 0.1:
            return self._chance.choice(
                [
                    [],
                    [0.0] * DIMENSION,
                    [1.0] * 3,
                    [1.0] * 4097,
                    ["1"] * DIMENSION,
                    [True] * DIMENSION,
                    "x",
                    {},
                    7,
                ]
            )
        scale = self._chance.choice([1.0, 1e-6, 1e6])
        return [scale * self._chance.gauss() for _ in range(DIMENSION)]

    @staticmethod
    def _quoted(text: str) -> str:
        # Every byte: a client's own library must not take `..` out of the path.
        return "".join(f"%{byte:02X}" for byte in text.encode())
