"""The schemas of the OpenAPI document as types that any language can be written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.generate.document import operations


@dataclass(frozen=True, slots=True)
class Type:
    """`kind` is one of: string, integer, number, boolean, any, literal (`values`), list and map (`of`), schema (`name`)
    and vector: numbers or base64 in one request or answer."""

    kind: str
    nullable: bool = False
    values: Sequence[object] = ()
    of: Type | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One of a schema."""

    name: str
    type: Type
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Schema:
    """An object. `sent`: it is, or is part of, what requests have; else of what answers have."""

    name: str
    description: str
    fields: Sequence[Field]
    sent: bool


_RENAMED = {
    "MatchDocument": "Match",
    "RecordDocument": "Record",
    "Problem": "ProblemDocument",
    "PutParameters": "ItemPut",
}


def public_name(name: str) -> str:
    """What a schema is called in clients: without the word Document."""
    return _RENAMED.get(name, name.removesuffix("Document"))


def schemas(document: Mapping[str, Any]) -> list[Schema]:
    """All objects of the document, by name."""
    known = document["components"]["schemas"]
    sent = _sent(document)
    return [
        Schema(
            public_name(name),
            _sentence(one.get("description", "")),
            [
                Field(
                    field,
                    _type(part),
                    field in one.get("required", ()),
                    _sentence(part.get("description", "")),
                )
                for field, part in one["properties"].items()
            ],
            name in sent,
        )
        for name, one in sorted(known.items())
        if one.get("type") == "object" and "properties" in one
    ]


def _type(part: Mapping[str, Any]) -> Type:
    if "$ref" in part:
        return Type("schema", name=public_name(part["$ref"].rpartition("/")[2]))
    for word in ("anyOf", "oneOf"):
        if word in part:
            return _one_of(part[word])
    if "const" in part:
        return Type("literal", values=(part["const"],))
    if "enum" in part:
        return Type(
            "literal", "null" in _names(part) or None in part["enum"], tuple(filter(_given, part["enum"]))
        )
    names = _names(part)
    nullable, names = "null" in names, [name for name in names if name != "null"]
    if len(names) != 1:
        return Type("any", nullable)
    match names[0]:
        case "array":
            return Type("list", nullable, of=_type(part.get("items", {})))
        case "object":
            inner = part.get("additionalProperties")
            return Type("map", nullable, of=_type(inner) if isinstance(inner, dict) else Type("any"))
        case name:
            return Type(name, nullable)


def _one_of(parts: Sequence[Mapping[str, Any]]) -> Type:
    some = [part for part in parts if part.get("type") != "null"]
    nullable = len(some) < len(parts)
    kinds = [_type(part) for part in some]
    if len(kinds) == 1:
        only = kinds[0]
        return Type(only.kind, nullable or only.nullable, only.values, only.of, only.name)
    if any(part.get("contentEncoding") == "base64" for part in some):
        return Type("vector", nullable)
    return Type("any", nullable)


def _names(part: Mapping[str, Any]) -> list[str]:
    name = part.get("type", [])
    return [name] if isinstance(name, str) else list(name)


def _given(value: object) -> bool:
    return value is not None


def _sentence(text: str) -> str:
    return " ".join(text.split())


def _sent(document: Mapping[str, Any]) -> set[str]:
    """The schemas that request bodies are made of."""
    known = document["components"]["schemas"]
    waiting: list[Any] = [operation.get("requestBody") for _, _, operation in operations(document)]
    found: set[str] = set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(reference := one.get("$ref"), str) and "/schemas/" in reference:
                name = reference.rpartition("/")[2]
                if name not in found:
                    found.add(name)
                    waiting.append(known[name])
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found
