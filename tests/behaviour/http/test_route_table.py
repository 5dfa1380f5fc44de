"""The table of routes: every declared path leads to its operation, and nothing else leads anywhere."""

from __future__ import annotations

import re

import pytest

from quartzdb.api.operation import Operation
from quartzdb.api.route_table import RouteTable
from quartzdb.api.routes import FAMILIES

OPERATIONS = [operation for family in FAMILIES for operation in family.operations]


def table() -> RouteTable[Operation]:
    filled: RouteTable[Operation] = RouteTable()
    for operation in OPERATIONS:
        filled.add(operation.method, operation.path, operation)
    return filled


def test_every_operation_is_found_at_its_path() -> None:
    """With the values of its parameters, still encoded."""
    filled = table()
    for operation in OPERATIONS:
        names = re.findall(r"\{(\w+)(?::path)?\}", operation.path)
        path = re.sub(r"\{(\w+)(:path)?\}", r"%2F\1", operation.path)
        found = filled.find(operation.method, path)
        assert found is not None, path
        assert found.endpoint is operation
        assert found.parameters == {name: f"%2F{name}" for name in names}


@pytest.mark.parametrize(
    ("method", "path", "name", "parameters"),
    [
        ("GET", "/v1/namespaces/n/vectors/list", "fetch_vector", {"namespace": "n", "id": "list"}),
        ("POST", "/v1/namespaces/n/vectors/list", "list_records", {"namespace": "n"}),
        ("GET", "/v1/namespaces/n/kv/a/b//c", "get_value", {"namespace": "n", "key": "a/b//c"}),
        ("GET", "/v1/namespaces/n/kv/", "get_value", {"namespace": "n", "key": ""}),
        ("GET", "/v1/namespaces/n/kv", "list_values", {"namespace": "n"}),
        ("GET", "/v1/namespaces/query", "describe_namespace", {"namespace": "query"}),
        ("HEAD", "/v1/namespaces/n", "describe_namespace", {"namespace": "n"}),
        ("HEAD", "/v1/namespaces/n/kv/k", "head_value", {"namespace": "n", "key": "k"}),
        ("GET", "/", "cf_root", {}),
    ],
)
def test_what_looks_alike_is_told_apart(
    method: str, path: str, name: str, parameters: dict[str, str]
) -> None:
    """A name may be a word of some path; a key may have slashes, and be nothing; HEAD goes with GET."""
    found = table().find(method, path)
    assert found is not None
    assert (found.endpoint.name, found.parameters) == (name, parameters)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "*",
        "/v1",
        "/v1/",
        "/v1/namespaces/",
        "/v1/namespaces//vectors",
        "/v1/namespaces/n/query/",
        "//v1/health",
    ],
)
def test_what_is_nearly_a_path_is_none(path: str) -> None:
    """A path that is nearly right is not guessed at: a redirect would lose the body of a write."""
    filled = table()
    assert filled.find("GET", path) is None
    assert filled.methods(path) == set()


def test_the_methods_of_a_path_are_told() -> None:
    """Those of every template that fits it."""
    assert table().methods("/v1/namespaces/n/vectors/list") == {"GET", "HEAD", "PATCH", "DELETE", "POST"}


def test_nothing_is_declared_twice() -> None:
    """The later one would never be reached."""
    filled = table()
    with pytest.raises(ValueError, match="declared twice"):
        filled.add("GET", "/v1/namespaces/{name}", OPERATIONS[0])
