"""What the Python client does by itself: arrays, answers, retries, settings. Needs nothing else: see matrix.py."""

from __future__ import annotations

import random
import subprocess
import sys
from array import array

import numpy as np
import pytest

from quartzdb_client import Client, Conflict, ConnectionFailed, InvalidRequest, NotFound, RateLimited, Retries
from quartzdb_client.decoding import decode
from quartzdb_client.types import Match, QueryResult
from quartzdb_client.vectors import decoded, encoded

VECTORS = [
    [0.5, -1, 2],
    (0.5, -1, 2),
    array("f", [0.5, -1, 2]),
    np.array([0.5, -1, 2], np.float32),
    np.array([0.5, -1, 2], np.float64),
    np.array([0.5, 9, -1, 9, 2], np.float32)[::2],
    memoryview(array("f", [0.5, -1, 2])),
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: type(vector).__name__)
def test_a_vector_is_sent_as_its_floats_whatever_it_is(vector: object) -> None:
    """And comes back as the same."""
    assert decoded(encoded(vector)) == array("f", [0.5, -1, 2])


@pytest.mark.parametrize("wrong", [np.zeros((2, 2), np.float32), ["a"], {1.0: 2}, b"bytes", 7, [1e39]])
def test_what_is_no_vector_is_refused_before_anything_is_sent(wrong: object) -> None:
    """By an error of Python: it is a mistake of the program."""
    with pytest.raises((TypeError, ValueError)):
        encoded(wrong)


def test_a_vector_of_an_answer_is_an_array_that_numpy_looks_at_without_a_copy() -> None:
    """A change of one is seen in the other."""
    vector = decoded(encoded([1, 2]))
    assert vector is not None
    seen = np.asarray(vector)
    seen[0] = 5
    assert vector[0] == 5


def test_an_answer_may_have_more_and_less_than_is_known() -> None:
    """Of a newer server, and of an older one."""
    result = decode(QueryResult, {"matches": [{"id": "a", "score": 1, "new": 2}], "newer": {}})
    assert result.matches[0].id == "a"
    plain = result.matches[0].to_dict()
    assert {"id": "a", "score": 1, "vector": None, "metadata": None}.items() <= plain.items()
    assert result.matches[0] == decode(Match, {"id": "a", "score": 1})
    assert "id='a'" in repr(result)


def test_waits_double_stay_below_the_longest_and_listen_to_the_server() -> None:
    """By chance anything from nothing to that."""
    retries = Retries(max_retries=9, backoff_seconds=1, backoff_seconds_max=4, rng=random.Random(1))
    failed = ConnectionFailed("gone")
    for attempt, most in enumerate([1, 2, 4, 4, 4]):
        waits = [retries.wait(failed, attempt) for _ in range(200)]
        assert all(wait is not None and 0 <= wait <= most for wait in waits)
        assert max(wait or 0 for wait in waits) > 0.9 * most
    asked = RateLimited("slow", status=429, retry_after_seconds=30)
    assert retries.wait(asked, 0) == 30
    assert retries.wait(failed, 9) is None


def test_only_what_may_pass_is_tried_again() -> None:
    """Not what is refused; but a write that is being done at this moment, by an earlier attempt."""
    retries = Retries()
    assert retries.wait(NotFound("no", status=404), 0) is None
    assert retries.wait(Conflict("differs", status=409, code="namespace_differs"), 0) is None
    assert retries.wait(Conflict("wait", status=409, code="idempotency_conflict"), 0) is not None


def test_it_is_not_made_without_a_url_or_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both may be in the environment."""
    monkeypatch.delenv("QUARTZDB_URL", raising=False)
    monkeypatch.delenv("QUARTZDB_API_KEY", raising=False)
    with pytest.raises(InvalidRequest, match="QUARTZDB_URL"):
        Client(api_key="k")
    with pytest.raises(InvalidRequest, match="QUARTZDB_API_KEY"):
        Client("http://127.0.0.1:1")
    monkeypatch.setenv("QUARTZDB_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("QUARTZDB_API_KEY", "k")
    Client().close()


def test_importing_it_imports_nothing_of_a_network() -> None:
    """It is imported by programs that may never call it."""
    code = "import sys, quartzdb_client; print({'httpx2', 'ssl', 'asyncio', 'numpy'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
