"""What a body of JSON may be: counted before it is parsed, so that a small one cannot take an isolate's memory."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.workerd import Workerd
from tests.behaviour.http.client import refused_as_cloudflare
from tests.contracts.http.deployments import SyncClient
from tests.worker_site import make_key, worker_site

MB = 1024 * 1024
RISE_MAX = 192 * MB
"""Far below the 2 GB that one such body took, and above what a limit's worth of JSON and a garbage collection need."""
GZIP = {"Content-Encoding": "gzip", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def own_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workerd]:
    """A process whose memory is this module's alone."""
    with worker_site(tmp_path_factory.mktemp("bodies") / "site") as running:
        yield running


@pytest.fixture(scope="module")
def reader(own_site: Workerd) -> Iterator[SyncClient]:
    client = SyncClient(own_site.url, make_key(own_site, "bodies"))
    yield client
    client.close()


def highest_bytes(site: Workerd) -> int:
    for line in Path(f"/proc/{site.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process has no VmHWM")


def repeated(part: bytes, size: int) -> bytes:
    return b"[" + (part + b",") * (size // (len(part) + 1) - 1) + part + b"]"


BOMBS: dict[str, Callable[[], bytes]] = {
    "objects": lambda: repeated(b"{}", 60 * MB),
    "arrays": lambda: repeated(b"[]", 60 * MB),
    "members": lambda: b'{"vector":' + repeated(b'{"a":1}', 20 * MB) + b"}",
    "numbers": lambda: b'{"vector":' + repeated(b"1", 60 * MB) + b"}",
    "metadata": lambda: b'{"id":"a","vector":[1],"metadata":' + repeated(b"{}", 20 * MB) + b"}",
    "nested": lambda: b"[" * (20 * MB) + b"]" * (20 * MB),
    "nested objects": lambda: b'{"a":' * (4 * MB) + b"1" + b"}" * (4 * MB),
}
"""Made when they are sent: every worker imports this module, and together they are 300 MB."""
PATHS = ("/api/vector/search", "/api/vector/insert", "/api/vector/batch-insert", "/api/put")


@pytest.fixture(scope="module", params=BOMBS)
def packed(request: pytest.FixtureRequest) -> bytes:
    return gzip.compress(BOMBS[request.param](), 1)


@pytest.mark.parametrize("path", PATHS)
def test_a_small_body_does_not_unfold_to_a_large_one(
    own_site: Workerd, reader: SyncClient, packed: bytes, path: str
) -> None:
    """It is refused by its bytes or by its structure, whatever it would be, and memory stays where it was."""
    before = highest_bytes(own_site)
    answer = reader.post(path, content=packed, headers=GZIP)
    assert answer.status_code in {400, 413}, answer.text
    assert answer.json()["code"] in {"invalid_json", "body_too_large", "body_too_complex"}
    assert highest_bytes(own_site) - before < RISE_MAX
    assert reader.get("/api/vector/stats").status_code == 200


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"vector": [[0]] * 2_100}, "body_too_complex"),
        ({"vector": [0] * 30_001}, "body_too_complex"),
        ({"vector": ["[" * 100_000]}, "invalid_vector"),
        ({"vector": ['\\"[{' * 30_000]}, "invalid_vector"),
    ],
)
def test_what_stands_in_a_string_is_no_structure(reader: SyncClient, document: object, code: str) -> None:
    """Brackets and commas count where they make values, and nowhere else."""
    status = 413 if code == "body_too_complex" else 400
    refused_as_cloudflare(reader.post("/api/vector/search", document), status, code)


@pytest.mark.parametrize(("levels", "status"), [(60, 400), (64, 400), (65, 400), (2_000, 400)])
def test_levels_are_counted(reader: SyncClient, levels: int, status: int) -> None:
    """More than 64 of them are no document here, as they are none at the other site."""
    body = b'{"vector":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"
    answer = reader.post("/api/vector/search", content=body)
    assert answer.status_code == status
    assert (answer.json()["code"] == "invalid_json") is (levels > 64)


def test_the_largest_records_are_taken(reader: SyncClient) -> None:
    """A hundred of them, with as much metadata as each may have."""
    metadata = {f"field-{number}": list(range(200)) for number in range(30)}
    assert len(json.dumps(metadata)) < 32 * 1024
    records = [
        {"id": f"large-{number}", "vector": [0.123456789 + number] * 384, "metadata": metadata}
        for number in range(100)
    ]
    answer = reader.post("/api/vector/batch-insert", {"vectors": records})
    assert (answer.status_code, answer.json()["inserted"]) == (200, 100)
