"""What an answer must look like, as a JSON schema small enough to go into a script: types, and what has to be there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEPT = ("type", "enum", "const", "required")
_DEPTH_MAX = 6
_DRY = "#/components/schemas/Quote"
"""What is answered to `dry_run`, which nothing here asks for."""


def form(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int = _DEPTH_MAX) -> dict[str, Any]:
    """Without descriptions, limits and patterns, and open to what newer servers add."""
    if "$ref" in schema:
        return form(_named(schema["$ref"], document), document, depth)
    made = {name: schema[name] for name in _KEPT if name in schema}
    if depth == 0:
        return {"type": schema["type"]} if "type" in schema else {}
    for either in ("anyOf", "oneOf"):
        if either in schema:
            kept = [one for one in schema[either] if one.get("$ref") != _DRY]
            forms = [form(one, document, depth - 1) for one in kept]
            made |= forms[0] if len(forms) == 1 else {either: forms}
    if "properties" in schema:
        required = schema.get("required", ())
        made["properties"] = {
            name: form(one, document, depth - 1)
            for name, one in schema["properties"].items()
            if name in required
        }
    if isinstance(schema.get("items"), Mapping):
        made["items"] = form(schema["items"], document, depth - 1)
    return made


def answered(operation: Mapping[str, Any], status: int, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the document says of an answer of this status: `description`, `content`."""
    said: Mapping[str, Any] = operation["responses"][str(status)]
    return _named(said["$ref"], document) if "$ref" in said else said


def _named(reference: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    part: Any = document
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    found: Mapping[str, Any] = part
    return found
