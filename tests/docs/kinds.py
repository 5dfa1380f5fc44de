"""What blocks of data are of, and whether they are: a page says it above each, `<!-- is: Problem -->`.

A kind is a schema of the OpenAPI document, `part of` one, or one of KINDS. `, …` stands for what is left out.
"""

from __future__ import annotations

import inspect
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jsonschema_rs
import yaml

from clients.conformance.scenario import Fault, Sent, scenarios
from quartzdb.api import usage_line
from quartzdb.api.openapi import describe
from quartzdb.api.routes import FAMILIES
from quartzdb.domain.filter import parse
from quartzdb.replication.wire import change_document
from quartzdb_platform.settings import settings_of
from tests.docs.examples import Block

_LEFT_OUT = re.compile(r",?\s*…\s*(?=[}\]])")


def documents(block: Block) -> list[Any]:
    """The one document of a block, or those of its lines. Raises ValueError where it is not well formed."""
    if block.language == "toml":
        return [tomllib.loads(block.code)]
    if block.language == "yaml":
        return list(yaml.safe_load_all(block.code))
    lines = block.code.strip().splitlines()
    text = _LEFT_OUT.sub("", block.code)
    one_in_each = all(line.startswith("{") and line.endswith("}") for line in lines)
    return [json.loads(one) for one in (text.splitlines() if one_in_each else [text])]


def check(block: Block) -> None:
    """Raises AssertionError, or what the reader of such a document raises, where it is not what it says."""
    kind = block.kind or ""
    for document in documents(block):
        if kind in KINDS:
            KINDS[kind](document)
            continue
        schemas = _openapi()["components"]["schemas"]
        name = kind.removeprefix("part of ")
        assert name in schemas, f"there is no schema {name!r}, and no kind of this name: {sorted(KINDS)}"
        whole = kind == name and not _LEFT_OUT.search(block.code)
        wrong = [one for one in _errors(name, document) if whole or "required property" not in one.message]
        assert not wrong, f"{wrong[0].instance_path} of {name}: {wrong[0].message}"
        unknown = set(document) - set(schemas[name]["properties"])
        assert not unknown, f"{name} has no {sorted(unknown)}"


def _errors(name: str, document: Any) -> list[jsonschema_rs.ValidationError]:
    schema = {"$ref": f"#/components/schemas/{name}", "components": _openapi()["components"]}
    return list(jsonschema_rs.Draft202012Validator(schema).iter_errors(document))


@cache
def _openapi() -> Mapping[str, Any]:
    return describe(FAMILIES, title="", version="")


def _scenario(document: Any) -> None:
    known = {step["do"] for one in scenarios() for step in one.document["steps"]}
    assert {step["do"] for step in document["steps"]} <= known
    assert document["name"]
    assert [Fault.of(one) for one in document["faults"]]
    assert [Sent.of(one) for one in document["sent"]]


def _change_between_sites(document: Any) -> None:
    """Its members are those that the reader asks for; values are only described."""
    members = [
        change_document._UPSERT, change_document._PATCH, change_document._DELETE,
        change_document._PUT, change_document._DELETE_KEY,
    ]  # fmt: skip
    assert set(document) in members, document


def _usage_line(document: Any) -> None:
    written = set(re.findall(r'^ {8}"(\w+)":', inspect.getsource(usage_line.usage_line), re.MULTILINE))
    assert len(written) > 10
    assert set(document) <= written, set(document) - written


def _mcp(document: Any) -> None:
    """Of a client that starts the server; tests/integrations/mcp starts one with what the first says."""
    (server,) = (document.get("mcpServers") or document["servers"]).values()
    assert server["command"] == "quartzdb-mcp"
    assert set(server.get("env", {})) <= {"QUARTZDB_URL", "QUARTZDB_API_KEY"}


KINDS: Mapping[str, Callable[[Any], object]] = {
    "filter": parse,
    "scenario": _scenario,
    "settings of the platform": lambda document: settings_of(document, "http://127.0.0.1:8787"),
    "changes between sites": _change_between_sites,
    "usage line": _usage_line,
    "configuration of quartzdb-mcp": _mcp,
}
