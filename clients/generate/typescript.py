"""Types of the JavaScript client, in its spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from clients.generate.types import Field, Schema, Type, schemas

TYPES = "javascript/src/types.ts"
_HEADER = """// What requests and answers are made of. Written from the OpenAPI document: `make clients-types`.

import type { VectorLike } from "./vectors.js";

"""
_WORDS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "any": "unknown"}


def types(document: Mapping[str, Any]) -> str:
    """The module."""
    return _HEADER + "\n".join(_interface(one) for one in schemas(document))


def camel(name: str) -> str:
    """`top_k` as `topK`."""
    return re.sub(r"_([a-z0-9])", lambda found: found.group(1).upper(), name)


def _interface(schema: Schema) -> str:
    lines = [f"/** {schema.description or schema.name} */", f"export interface {schema.name} {{"]
    for field in schema.fields:
        if field.description:
            lines.append(f"  /** {field.description} */")
        mark = "" if field.required else "?"
        lines.append(f"  {camel(field.name)}{mark}: {_word(field, schema)};")
    return "\n".join([*lines, "}", ""])


def _word(field: Field, schema: Schema) -> str:
    return _spelled(field.type, "VectorLike" if schema.sent else "Float32Array")


def _spelled(one: Type, vector: str) -> str:
    match one.kind:
        case "literal":
            word = " | ".join(_literal(value) for value in one.values)
        case "list":
            inner = _spelled(one.of, vector) if one.of else "unknown"
            word = f"Array<{inner}>"
        case "map":
            word = f"{{ [name: string]: {_spelled(one.of, vector) if one.of else 'unknown'} }}"
        case "schema":
            word = one.name
        case "vector":
            word = vector
        case kind:
            word = _WORDS[kind]
    return f"{word} | null" if one.nullable and word != "unknown" else word


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
