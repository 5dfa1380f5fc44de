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


_WITHIN = {"text": "TextQuery", "sparse": "SparseVector", "fusion": "Fusion"}
"""Objects that the document writes out where they are used, by the field: what they are called."""
_EXPIRY_CHANGES = {"Change", "PatchOne", "PatchRequest", "RecordPatch"}
_RENAMED = {
    "MatchDocument": "Match",
    "RecordDocument": "Record",
    "Problem": "ProblemDocument",
    "PutParameters": "ItemPut",
}


def public_name(name: str) -> str:
    """What a schema is called in clients: without the word Document."""
    return _RENAMED.get(name, name.removesuffix("Document"))


def null_is_said(schema: Schema, field: Field) -> bool:
    """Whether null says something else than a field that is missing: that a record does not expire any more."""
    return schema.name in _EXPIRY_CHANGES and field.name == "expires_at"


def schemas(document: Mapping[str, Any]) -> list[Schema]:
    """All objects of the document, by name; also those that are written out where they are used."""
    known = document["components"]["schemas"]
    sent = _sent(document)
    found: dict[str, Schema] = {}
    for name, one in known.items():
        if one.get("type") == "object" and "properties" in one:
            found[name] = _schema(public_name(name), one, sent=name in sent)
            for field, part in one["properties"].items():
                if inner := _written_out(part):
                    found[_WITHIN[field]] = _schema(_WITHIN[field], inner, sent=name in sent)
    return [found[name] for name in sorted(found)]


def _schema(name: str, one: Mapping[str, Any], *, sent: bool) -> Schema:
    return Schema(
        name,
        _sentence(one.get("description", "")),
        [
            Field(
                field,
                _type(part, field),
                field in one.get("required", ()),
                _sentence(part.get("description", "")),
            )
            for field, part in one["properties"].items()
        ],
        sent,
    )


def _written_out(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The object that a field is; of several kinds of objects one with the fields of all."""
    if "properties" in part:
        return part
    kinds = [one for one in part.get("anyOf", ()) if "properties" in one]
    if not kinds:
        return None
    fields: dict[str, Any] = {}
    for kind in kinds:
        for name, one in kind["properties"].items():
            both = name in fields and "const" in one
            fields[name] = {"enum": [fields[name]["const"], one["const"]]} if both else one
    return {
        "description": part.get("description", ""),
        "properties": fields,
        "required": [name for name in fields if all(name in kind.get("required", ()) for kind in kinds)],
    }


def _type(part: Mapping[str, Any], field: str = "") -> Type:
    if "$ref" in part:
        return Type("schema", name=public_name(part["$ref"].rpartition("/")[2]))
    if _written_out(part):
        nullable = any("null" in _names(one) for one in (part, *part.get("anyOf", ())))
        return Type("schema", nullable, name=_WITHIN[field])
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
    if any(part.get("contentEncoding") == "base64" for part in some) or _numbers_or_text(some):
        return Type("vector", nullable)
    return Type("any", nullable)


def _numbers_or_text(parts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether it is a vector in either of its forms."""
    return [part.get("type") for part in parts] == ["array", "string"] and parts[0]["items"] == {
        "type": "number"
    }


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
