"""The collection for Postman: that it is all of the API, that it runs, and that it notices."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clients.generate.document import DOCUMENT, operations
from clients.postman.collection import COLLECTION, VARIABLES, collection, written
from clients.postman.step import Folder, Step
from clients.postman.steps import FOLDERS
from tests.clients.conftest import Served
from tests.http_server import serving

NEWMAN = COLLECTION.parent / "node_modules/.bin/newman"
DOCUMENTED = json.loads(DOCUMENT.read_text("utf-8"))
STEPS = [step for folder in FOLDERS for step in folder.steps]
needs_newman = pytest.mark.skipif(not NEWMAN.exists(), reason="newman is not installed: npm is missing")


def test_it_is_what_the_document_says() -> None:
    """`make clients-types` writes it."""
    assert COLLECTION.read_text("utf-8") == written(collection(DOCUMENTED)), "run make clients-types"


def test_it_has_every_operation_and_every_example() -> None:
    """Of bodies: what the documentation shows is what is run."""
    assert {step.operation for step in STEPS} == {one["operationId"] for _, _, one in operations(DOCUMENTED)}
    shown = {
        (one["operationId"], name)
        for _, _, one in operations(DOCUMENTED)
        for content in one.get("requestBody", {}).get("content", {}).values()
        for name in content.get("examples", {})
    }
    assert shown
    assert shown == {(step.operation, step.example) for step in STEPS if step.example is not None}


def test_every_request_has_a_name_of_its_own_and_says_what_it_is() -> None:
    """In the collection, and with assertions."""
    items = list(_items(json.loads(COLLECTION.read_text("utf-8"))))
    assert len({item["name"] for item in items}) == len(items) == len(STEPS)
    for item in items:
        assert item["request"]["description"]
        assert "pm.test" in "".join(item["event"][0]["script"]["exec"])


@pytest.mark.parametrize(
    "wrong",
    [
        Step("no_such_operation"),
        Step("query_vectors", example="none"),
        Step("get_health", query={"none": "1"}),
        Step("get_health", status=[299]),
        Step("fetch_vector"),
    ],
)
def test_a_step_that_the_document_does_not_have_is_refused(wrong: Step) -> None:
    """So that it is not written at all."""
    with pytest.raises(KeyError):
        collection(DOCUMENTED, [Folder("f", "", [wrong])])


@needs_newman
def test_all_of_it_is_green_at_a_real_server(served: Served, tmp_path: Path) -> None:
    """From top to bottom, and nothing is left."""
    ran = _run(served.url, served.api_key, tmp_path)
    assert _failed(ran) == {}
    assert ran["run"]["stats"]["requests"] == {"total": len(STEPS), "pending": 0, "failed": 0}
    assert ran["run"]["stats"]["assertions"]["total"] > 4 * len(STEPS)
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {served.api_key}"}) as client:
        named = VARIABLES["namespace"][0]
        assert client.get("/v1/namespaces", params={"prefix": named}).json()["namespaces"] == []
        keys = [key for key in client.get("/v1/keys").json()["keys"] if key["name"] == "the website"]
        assert len(keys) == 2
        assert all(key["revoked_at"] for key in keys)


@needs_newman
def test_an_answer_that_is_altered_makes_it_red(served: Served, tmp_path: Path) -> None:
    """There, and nowhere else: a field that is missing, a list in another order, another status, a lost header."""
    with httpx.Client(base_url=served.url) as client, serving(_altering(client)) as url:
        failed = _failed(_run(url, served.api_key, tmp_path))
    assert failed == {
        "Count records": ["it has the form that the API says"],
        "List ids": ['answer.ids is ["dune", "emma", "ubik"]'],
        "Look at a value's headers": ["it answers 200"],
        "Describe metadata fields": ["it has a request id"],
    }


def _items(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in part["item"]:
        if "item" in item:
            yield from _items(item)
        else:
            yield item


def _run(url: str, api_key: str, place: Path) -> dict[str, Any]:
    """What newman reports."""
    report = place / "report.json"
    options = ["--env-var", f"baseUrl={url}", "--env-var", f"apiKey={api_key}", "--reporters", "json"]
    ran = subprocess.run(
        [NEWMAN, "run", COLLECTION, *options, "--reporter-json-export", report],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    reported: dict[str, Any] = json.loads(report.read_text())
    assert (ran.returncode == 0) is (reported["run"]["failures"] == []), ran.stdout + ran.stderr
    return reported


def _failed(reported: Mapping[str, Any]) -> dict[str, list[str]]:
    """The assertions that do not hold, by the name of the request."""
    failed: dict[str, list[str]] = {}
    for failure in reported["run"]["failures"]:
        failed.setdefault(failure["source"]["name"], []).append(
            failure["error"].get("test", str(failure["error"]))
        )
    return failed


def _altering(client: httpx.Client) -> Starlette:
    """Passes requests on, and gives back four answers that are not what they were."""

    async def answer(request: Request) -> Response:
        body = await request.body()
        headers = {
            name: value for name, value in request.headers.items() if name not in ("host", "connection")
        }
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        came = await run_in_threadpool(client.request, request.method, path, headers=headers, content=body)
        content, status = came.content, came.status_code
        told = {
            name: value
            for name, value in came.headers.items()
            if name not in ("content-length", "connection")
        }
        if path.endswith("/vectors/count") and b"filter" not in body:
            content = json.dumps({"count": came.json()["count"]}).encode()
        if request.method == "GET" and path.endswith("/vectors"):
            content = json.dumps({**came.json(), "ids": came.json()["ids"][::-1]}).encode()
        if request.method == "HEAD":
            status = 203
        if path.endswith("/schema"):
            del told["x-request-id"]
        return Response(content, status, told)

    methods = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])
