"""The documentation is complete, true, and works without a network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from quartzdb.api.errors import status_of
from quartzdb.api.problems_page import problem_types
from quartzdb.api.routes import FAMILIES
from quartzdb.domain.errors import QuartzError
from tests.behaviour.http.client import Client
from tests.behaviour.http.test_scopes import EXPECTED

OPERATION_IDS = [
    "create_namespace", "list_namespaces", "describe_namespace", "delete_namespace",
    "query_vectors", "query_vectors_batch",
    "upsert_vectors", "list_vectors", "fetch_vectors", "patch_vectors", "delete_vectors", "count_vectors",
    "list_records", "aggregate_records", "describe_fields", "follow_changes", "follow_key_changes",
    "fetch_vector", "patch_vector", "delete_vector",
    "put_value", "head_value", "get_value", "delete_value",
    "list_values", "get_values", "put_values", "delete_values",
    "erase", "describe_erasure", "list_erasures",
    "create_key", "list_keys", "rotate_key", "revoke_key",
    "get_usage", "get_health",
    "list_shared_namespaces", "read_changes", "apply_changes", "get_digests", "list_states", "fetch_states",
    "list_waiting_erasures", "do_erasures", "note_erasures",
    "take_api_keys", "take_grants", "get_replication_status",
    "cf_root", "cf_health", "cf_put", "cf_get", "cf_delete",
    "cf_insert_vector", "cf_batch_insert_vectors", "cf_get_vector", "cf_search_vectors",
    "cf_delete_vector_by_body", "cf_delete_vector", "cf_vector_stats",
]  # fmt: skip


_KEY: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
SECURITY: dict[str | None, list[dict[str, list[str]]]] = {
    None: [],
    **dict.fromkeys(("read", "write", "admin"), _KEY),
    "peer": [{"peer": []}],
    "peer or admin": [{"peer": []}, *_KEY],
}


@pytest.fixture
def spec(http: Client) -> dict[str, Any]:
    document: dict[str, Any] = http.get("/openapi.json", key=None).json()
    return document


def operations(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, one) for path, methods in spec["paths"].items() for method, one in methods.items()]


def resolved(spec: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = spec
        for step in part["$ref"][2:].split("/"):
            found = found[step]
        part = found
    return part


def check(spec: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    whole = {**schema, "components": spec["components"]}
    jsonschema_rs.Draft202012Validator(whole).validate(value)


def test_a_code_has_one_status() -> None:
    """Programs go by the code, and the page of problems names one status for each."""
    kinds: list[type[QuartzError]] = [QuartzError, *subclasses(QuartzError)]
    statuses: dict[str, set[int]] = {}
    for kind in kinds:
        statuses.setdefault(kind.code, set()).add(status_of(kind))
    assert {code: found for code, found in statuses.items() if len(found) > 1} == {}
    assert {kind.code for kind in problem_types()} >= {
        kind.code
        for kind in kinds
        # Functions have some of their own, known where one was imported, which are logged and never answered.
        if kind.__module__.startswith(("quartzdb.domain.", "quartzdb.api."))
        and not kind.__module__.startswith("quartzdb.aws_lambda.")
    }


def subclasses(kind: type[QuartzError]) -> Iterator[type[QuartzError]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def test_every_route_is_described(spec: dict[str, Any]) -> None:
    """Under a name that clients are generated from, and that therefore stays."""
    assert spec["openapi"] == "3.1.0"
    found = {(method.upper(), path) for method, path, _ in operations(spec)}
    assert found >= {(method, path.replace(":path", "")) for method, path in EXPECTED}
    assert sorted(one["operationId"] for _, _, one in operations(spec)) == sorted(OPERATION_IDS)


def test_every_operation_is_explained(spec: dict[str, Any]) -> None:
    """A summary, a description, what key it needs, and every parameter of its path."""
    tags = {tag["name"] for tag in spec["tags"]}
    for method, path, operation in operations(spec):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert set(operation["tags"]) <= tags, where
        assert operation["security"] == SECURITY[operation.get("x-scope")], where
        named = [one["name"] for one in operation.get("parameters", []) if one["in"] == "path"]
        assert named == re.findall(r"\{(\w+)\}", path), where
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (where, parameter)


def test_every_error_that_can_happen_is_described(spec: dict[str, Any]) -> None:
    """With a schema and an example, in the form of its surface."""
    for method, path, operation in operations(spec):
        where = f"{method} {path}"
        statuses = set(operation["responses"])
        compatible = not path.startswith("/v1")
        if "x-scope" in operation:
            assert statuses >= {"400", "401", "429", "500", "503"}, where
            assert compatible or operation["x-scope"] == "peer" or "403" in statuses, where
        if "requestBody" in operation:
            assert statuses >= ({"413"} if compatible else {"408", "413", "415"}), where
        if "{namespace}" in path:
            assert "404" in statuses, where
        if any(one["name"] == "Idempotency-Key" for one in operation.get("parameters", [])):
            assert statuses >= {"409", "422"}, where
        if compatible:
            assert statuses <= {"200", "400", "401", "404", "413", "429", "500", "503"}, where
        for status, response in operation["responses"].items():
            found = resolved(spec, response)
            assert found["description"], (where, status)
            assert "X-Request-Id" in found["headers"], (where, status)


def test_every_example_fits_its_schema(spec: dict[str, Any]) -> None:
    """Requests and answers, and every one has at least one."""
    for method, path, operation in operations(spec):
        where = f"{method} {path}"
        for status, response in operation["responses"].items():
            for kind, media in resolved(spec, response).get("content", {}).items():
                assert "example" in media, (where, status)
                if "json" in kind:
                    check(spec, media["schema"], media["example"])
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            assert body["examples"], where
            for example in body["examples"].values():
                check(spec, body["schema"], example["value"])


def test_the_examples_work(http: Client) -> None:
    """Sent in order, each request is answered with success."""
    examples = {
        one.name: list(one.body.examples.values())
        for family in FAMILIES
        for one in family.operations
        if one.body is not None and hasattr(one.body, "examples")
    }
    path = "/v1/namespaces/books"
    assert http.post("/v1/namespaces", examples["create_namespace"][0]).status_code == 201
    for name, where in (
        ("upsert_vectors", "/vectors"),
        ("query_vectors", "/query"),
        ("query_vectors_batch", "/query/batch"),
        ("fetch_vectors", "/vectors/fetch"),
        ("patch_vectors", "/vectors/patch"),
        ("list_records", "/vectors/list"),
        ("aggregate_records", "/aggregate"),
        ("count_vectors", "/vectors/count"),
        ("delete_vectors", "/vectors/delete"),
        ("put_values", "/kv-batch/put"),
        ("get_values", "/kv-batch/get"),
        ("delete_values", "/kv-batch/delete"),
    ):
        for example in examples[name]:
            answer = http.post(path + where, example)
            assert answer.status_code == 200, (name, answer.text)
    assert http.post("/v1/keys", examples["create_key"][0]).status_code == 201
    assert http.post("/api/put", examples["cf_put"][0]).status_code == 200


def test_the_page_needs_nothing_from_elsewhere(http: Client) -> None:
    """It says where the API is described, and its policy allows its own style, by its hash. Servers on one machine and
    deployments with the documentation show that in its place.
    """
    answer = http.get("/docs", key=None)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert "script-src" not in policy
    (inline,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert policy["style-src"] == f"'sha256-{digest}'"
    assert {"/openapi.json", "/docs/problems"} == set(re.findall(r'href="([^"]+)"', answer.text))


def test_every_problem_type_leads_to_its_explanation(http: Client) -> None:
    """The `type` of a problem document is an address on this server."""
    answer = http.get("/docs/problems", key=None)
    assert "script-src" not in answer.headers["content-security-policy"]
    for kind in problem_types():
        assert f'<tr id="{kind.code}">' in answer.text
        assert kind.__doc__
    problem = http.get("/v1/namespaces/nobody").json()
    page, _, fragment = problem["type"].partition("#")
    assert f'id="{fragment}"' in http.get(page).text
