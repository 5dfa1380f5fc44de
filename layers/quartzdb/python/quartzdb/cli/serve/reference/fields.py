"""What a JSON schema allows, field by field, as rows of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from quartzdb.domain.values import dataclass

Schema = Mapping[str, Any]
"""Of JSON Schema 2020-12, as OpenAPI 3.1 has it."""
_REFERENCE = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A field. `name`: with those around it, as `vectors[].id`; `kind`: its type and bounds; `words`: Markdown."""

    name: str
    kind: str
    required: bool
    words: str


def rows(schema: Schema, schemas: Mapping[str, Schema]) -> list[FieldRow]:
    """All fields of what a schema describes, those inside others below them. `schemas`: those that are named.

    A schema inside itself is not written again. Raises KeyError for a reference to none of `schemas`.
    """
    return list(_below(schema, schemas, "", ()))


def kind(schema: Schema, schemas: Mapping[str, Schema]) -> str:
    """The type in words, with bounds: `string, 1 to 512 characters`."""
    if choices := _choices(schema):
        return " or ".join(dict.fromkeys(_plain(one, schemas, outer=schema) for one in choices))
    return _plain(schema, schemas)


def _below(
    schema: Schema, schemas: Mapping[str, Schema], prefix: str, around: tuple[str, ...]
) -> Iterator[FieldRow]:
    if name := schema.get("$ref", "").removeprefix(_REFERENCE):
        if name not in around:
            yield from _below(schemas[name], schemas, prefix, (*around, name))
        return
    seen: set[str] = set()
    for one in _choices(schema):
        for row in _below(one, schemas, prefix, around):
            if row.name not in seen:
                seen.add(row.name)
                yield row
    if isinstance(items := schema.get("items"), Mapping):
        yield from _below(items, schemas, f"{prefix}[]", around)
    if isinstance(others := schema.get("additionalProperties"), Mapping):
        yield from _below(others, schemas, f"{prefix}.*" if prefix else "*", around)
    for field, inside in schema.get("properties", {}).items():
        path = f"{prefix}.{field}" if prefix else field
        required = field in schema.get("required", ())
        yield FieldRow(path, kind(inside, schemas), required, _words(inside, required))
        yield from _below(inside, schemas, path, around)


def _choices(schema: Schema) -> list[Schema]:
    return [*schema.get("anyOf", ()), *schema.get("oneOf", ())]


def _words(schema: Schema, required: bool) -> str:
    said: str = schema.get("description", "")
    default = schema.get("default")
    if required or default in (None, "", [], {}) or isinstance(default, Mapping | list):
        return said
    return f"{said} Default: `{_json(default)}`.".strip()


def _plain(schema: Schema, schemas: Mapping[str, Schema], outer: Schema | None = None) -> str:
    """One without choices. `outer`: what has it as a choice, whose bounds are for it, too."""
    if name := schema.get("$ref", "").removeprefix(_REFERENCE):
        return kind(schemas[name], schemas)
    if "const" in schema:
        return f"`{_json(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{_json(one)}`" for one in schema["enum"])
    if choices := _choices(schema):
        return " or ".join(dict.fromkeys(_plain(one, schemas) for one in choices))
    bounds = {**({} if outer is None else outer), **schema}
    types = schema.get("type", "anything")
    named = [_typed(one, bounds, schemas) for one in ([types] if isinstance(types, str) else types)]
    return " or ".join(named)


def _typed(name: str, schema: Schema, schemas: Mapping[str, Schema]) -> str:
    match name:
        case "array":
            items = schema.get("items", {})
            many = _between(schema.get("minItems"), schema.get("maxItems"))
            return f"array of {kind(items, schemas)}" + (f", {many} of them" if many else "")
        case "object":
            others = schema.get("additionalProperties")
            return f"object of {kind(others, schemas)}" if isinstance(others, Mapping) else "object"
        case "string":
            said = [schema[one] for one in ("format", "contentEncoding") if one in schema]
            size = _between(schema.get("minLength"), schema.get("maxLength"))
            return ", ".join(["string", *said, *([f"{size} characters"] if size else [])])
        case "number" | "integer":
            size = _between(schema.get("minimum"), schema.get("maximum"))
            return f"{name}, {size}" if size else name
        case _:
            return name


def _between(least: float | None, most: float | None) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f"at least {_number(least)}"
    return f"at most {_number(most)}" if least is None else f"{_number(least)} to {_number(most)}"


def _number(value: float | None) -> str:
    assert value is not None
    return f"{value:,.0f}" if value == int(value) else f"{value:,}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
