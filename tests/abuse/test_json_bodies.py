"""A small body that becomes a large one: by compression, and again as objects. Refused before it is either."""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from quartzdb.api.app import create_app
from quartzdb.api.json_structure import check_structure, structure_of
from quartzdb.api.operation import JsonBody, Operation
from quartzdb.api.refusals import BodyTooComplex, InvalidJson
from quartzdb.api.routes import FAMILIES
from quartzdb.aws_lambda.http_function import API_SETTINGS
from quartzdb.aws_lambda.http_handler import http_handler
from quartzdb.aws_lambda.origin_secret import OriginSecret
from quartzdb.aws_lambda.settings import FunctionSettings
from quartzdb.aws_lambda.telemetry import telemetry
from quartzdb.domain.limits import QUERIES_JSON, SMALL_JSON, JsonLimit
from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.keys import Scope
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from tests.abuse.measured import MB, measured
from tests.behaviour.http.client import Client
from tests.functions.events import function_url
from tests.functions.lambda_context import FakeContext

HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
OPERATIONS = [one for family in FAMILIES for one in family.operations if isinstance(one.body, JsonBody)]
PAIRS = 20_000_000


@cache
def zipped() -> dict[str, bytes]:
    """Each shape in some tens of KB: twice, as one that knows how would do it is not needed.

    Made once, and not by importing this: what becomes of it are 60 MB each.
    """
    shapes: dict[str, Callable[[], bytes]] = {
        "objects": lambda: b"[" + b"{}," * PAIRS + b"{}]",
        "nested objects": lambda: b"[" + b'{"a":{}},' * (PAIRS // 3) + b"{}]",
        "strings": lambda: b"[" + b'"a",' * (PAIRS // 2) + b'"a"]',
        "in a filter": lambda: b'{"filter":{"a":{"$in":[' + b"[]," * PAIRS + b"1]}}}",
        "keys": lambda: b"{" + b'"a":1,' * (PAIRS // 2) + b'"a":1}',
    }
    return {name: gzip.compress(shape(), 9, mtime=0) for name, shape in shapes.items()}


def target(operation: Operation) -> str:
    """A path of it."""
    return operation.path.replace("{namespace}", "files").replace("{id}", "x")


def bodies_over_http(directory: Path, scope: str, bodies: dict[str, bytes]) -> Callable[[], Any]:
    """Send every body to every operation of a scope, with a key that has no other."""
    database = open_embedded(EmbeddedSettings(directory))
    database.namespaces.create("t", "files", NamespaceSettings(3))
    client = Client(create_app(database), database.api_keys.create("t", "k", (scope,))[1])
    client.get("/v1/namespaces/files/vectors")

    def send() -> dict[str, int]:
        return {
            f"{name} to {one.name}": client.request(
                one.method, target(one), content=body, headers=HEADERS
            ).status_code
            for name, body in bodies.items()
            for one in OPERATIONS
            if one.scope == scope
        }

    return send


def bodies_through_lambda(directory: Path, scope: str, bodies: dict[str, bytes]) -> Callable[[], Any]:
    """The same, as events of a function."""
    database = open_embedded(EmbeddedSettings(directory))
    database.namespaces.create("t", "files", NamespaceSettings(3))
    key = database.api_keys.create("t", "k", (scope,))[1]
    origin = secrets.token_hex(16)
    handle = http_handler(
        create_app(database, API_SETTINGS),
        OriginSecret(lambda: [origin], database.clock),
        telemetry(FunctionSettings("table", "bucket")),
    )

    def send() -> dict[str, int]:
        answers = {}
        for name, body in bodies.items():
            for one in OPERATIONS:
                if one.scope == scope:
                    event = function_url(
                        one.method,
                        target(one),
                        headers={**HEADERS, "Authorization": f"Bearer {key}"},
                        body=body,
                        secret=origin,
                    )
                    answers[f"{name} to {one.name}"] = handle(event, FakeContext())["statusCode"]
        return answers

    return send


@pytest.mark.parametrize("prepare", [bodies_over_http, bodies_through_lambda])
@pytest.mark.parametrize(("scope", "rise_bytes_max"), [(Scope.READ, 100 * MB), (Scope.WRITE, 450 * MB)])
def test_a_body_is_not_parsed_where_it_would_fill_the_memory(
    tmp_path: Path, prepare: Any, scope: str, rise_bytes_max: int
) -> None:
    """65 KB of gzip took 2 GB. Whatever an operation reads, what it may become is bounded before it is parsed."""
    run = measured(prepare, tmp_path, scope, zipped())
    assert run.result, "there are such operations"
    assert set(run.result.values()) <= {400, 413}, run.result
    assert run.rise_bytes < rise_bytes_max, f"{run.rise_bytes / MB:.0f} MB for {len(run.result)} requests"
    assert run.cpu_seconds < 2 * len(run.result), run


LIMIT = JsonLimit(1000, 10, 3, 2)


@pytest.mark.parametrize(
    ("body", "values", "containers", "depth"),
    [
        (b"", 0, 0, 0),
        (b"1", 0, 0, 0),
        (b"[[1,2],{}]", 5, 3, 2),
        (b'{"a":1}', 2, 1, 1),
        (rb'{"[[[,,,:::":"\"[,\\"}', 2, 1, 1),
        (rb'["\\\"[[[","\\",[]]', 4, 2, 2),
        (b'{"n\\u005b":"\\n\\t,"}', 2, 1, 1),
    ],
)
def test_structure_is_what_is_outside_strings(body: bytes, values: int, containers: int, depth: int) -> None:
    """Escaped quotes end no string, and escaped backslashes escape none."""
    found = structure_of(body, LIMIT)
    assert (found.values, found.containers, found.depth) == (values, containers, depth)


def test_a_string_may_have_anything_in_it() -> None:
    """Brackets and commas that are text are not counted, in blocks of any number."""
    body = orjson.dumps({"name": '[{,"\\' * 100_000})
    assert check_structure(body, SMALL_JSON._replace(bytes_max=len(body))).values == 2


def test_too_many_and_too_deep_are_told_apart() -> None:
    """The one can be split, the other is no document of ours."""
    check_structure(b"[" + b"1," * 9 + b"1]", LIMIT)
    with pytest.raises(BodyTooComplex):
        check_structure(b"[" + b"1," * 10 + b"1]", LIMIT)
    with pytest.raises(BodyTooComplex):
        check_structure(b"[[],[],[]]", LIMIT)
    with pytest.raises(InvalidJson):
        check_structure(b"[[[1]]]", LIMIT)


def test_what_is_usual_takes_no_pass_over_the_body() -> None:
    """A batch of queries as numbers is within its limit."""
    query = {"vector": [0.123456789] * 4096, "filter": {"a": {"$in": list(range(100))}}}
    body = orjson.dumps({"queries": [query] * 100})
    assert len(body) < QUERIES_JSON.bytes_max
    assert check_structure(body, QUERIES_JSON).values < QUERIES_JSON.values_max
