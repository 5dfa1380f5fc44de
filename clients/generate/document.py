"""The OpenAPI document that the clients are made from: `clients/openapi.json`, as an embedded server has it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from quartzdb.api.app import create_app
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded

DOCUMENT = Path(__file__).parents[1] / "openapi.json"
_NOT_FOR_CLIENTS = ("/v1/replication/", "/api/")
_METHODS = ("get", "put", "post", "delete", "patch", "head")


def described() -> dict[str, Any]:
    """What the API says of itself now, without what only other sites and the older surface use."""
    with tempfile.TemporaryDirectory() as place:
        database = open_embedded(EmbeddedSettings(Path(place) / "data"))
        document: dict[str, Any] = TestClient(create_app(database)).get("/openapi.json").json()
    document["paths"] = {
        path: operations
        for path, operations in document["paths"].items()
        if path.startswith("/v1/") and not path.startswith(_NOT_FOR_CLIENTS)
    }
    used = set(_reachable(document["paths"], document["components"]))
    for kind in ("schemas", "responses"):
        known = document["components"].get(kind, {})
        document["components"][kind] = {name: one for name, one in known.items() if (kind, name) in used}
    return document


def written(document: Mapping[str, Any]) -> str:
    """As the file has it."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and description of each."""
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield method.upper(), path, methods[method]


def _reachable(part: Any, components: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    waiting, seen = [part], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(reference := one.get("$ref"), str):
                _, _, kind, name = reference.split("/")
                if (kind, name) not in seen:
                    seen.add((kind, name))
                    yield kind, name
                    waiting.append(components[kind][name])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
