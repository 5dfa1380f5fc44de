"""Types of the Rust client: structs that serde reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clients.generate.types import Field, Schema, Type, null_is_said, schemas

TYPES = "rust/src/types.rs"
_HEADER = """//! What requests and answers are made of. Written from the OpenAPI document: `make clients-types`.
//!
//! Answers may have more fields than are known here: those are left out.

use crate::vectors::{self, Vector};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

"""
_SAID = """
/// Null is Some(None): it says something else than a field that is missing.
fn said<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
"""
_WORDS = {
    "string": "String",
    "integer": "i64",
    "number": "f64",
    "boolean": "bool",
    "any": "Value",
    "literal": "String",
}
_KEYWORDS = {"type", "match", "where", "ref"}


def types(document: Mapping[str, Any]) -> str:
    """The module."""
    return _HEADER + "\n".join(_struct(one) for one in schemas(document)) + _SAID


def _struct(schema: Schema) -> str:
    lines = [
        f"/// {schema.description or schema.name}",
        "#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]",
        "#[serde(default)]",
        f"pub struct {schema.name} {{",
    ]
    for field in schema.fields:
        if field.description:
            lines.append(f"    /// {field.description}")
        lines += _attributes(schema, field)
        name = f"r#{field.name}" if field.name in _KEYWORDS else field.name
        lines.append(f"    pub {name}: {_word(schema, field)},")
    return "\n".join([*lines, "}", ""])


def _attributes(schema: Schema, field: Field) -> list[str]:
    if not _optional(field):
        if field.type.kind == "vector":
            raise ValueError(f"{field.name}: a vector that is always there has no form in Rust yet.")
        return []
    lines = ['    #[serde(skip_serializing_if = "Option::is_none")]']
    if field.type.kind == "vector":
        lines.append('    #[serde(with = "vectors::optional")]')
    if null_is_said(schema, field):
        lines.append('    #[serde(deserialize_with = "said")]')
    return lines


def _optional(field: Field) -> bool:
    return field.type.nullable or not field.required


def _word(schema: Schema, field: Field) -> str:
    word = _spelled(field.type)
    if null_is_said(schema, field):
        return f"Option<Option<{word}>>"
    return f"Option<{word}>" if _optional(field) else word


def _spelled(one: Type) -> str:
    match one.kind:
        case "literal":
            return "bool" if all(isinstance(value, bool) for value in one.values) else _literal(one)
        case "list":
            return f"Vec<{_spelled(one.of)}>" if one.of else "Vec<Value>"
        case "map":
            if one.of is None or one.of.kind == "any":
                return "Map<String, Value>"
            return f"std::collections::BTreeMap<String, {_spelled(one.of)}>"
        case "schema":
            return one.name
        case "vector":
            return "Vector"
        case kind:
            return _WORDS[kind]


def _literal(one: Type) -> str:
    return "String" if all(isinstance(value, str) for value in one.values) else "Value"
