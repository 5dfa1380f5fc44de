"""Types of the Python client: classes for answers, typed dictionaries for what is sent.

Not dataclasses: fifty of them take a tenth of a second to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clients.generate.types import Field, Schema, Type, null_is_said, schemas

TYPES = "python/src/quartzdb_client/types.py"
_HEADER = '''# ruff: noqa: E501 - descriptions are those of the document
"""What requests and answers are made of. Written from the OpenAPI document by `make clients-types`: do not edit.

Answers may have more fields than are known here: those are left out. What is missing is None.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from quartzdb_client.answer_part import AnswerPart
from quartzdb_client.moments import Never
from quartzdb_client.vectors import Vector, VectorLike

'''
_WORDS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "any": "Any"}


def types(document: Mapping[str, Any]) -> str:
    """The module."""
    found = schemas(document)
    return _HEADER + "\n\n".join(_dictionary(one) if one.sent else _class(one) for one in found)


def _class(schema: Schema) -> str:
    # Fields that may be missing have to come last.
    fields = sorted(schema.fields, key=lambda one: not one.required)
    parameters = [
        f"{one.name}: {_word(one.type, 'Vector')}"
        if one.required
        else f"{one.name}: {_maybe(one, 'Vector')}{' | Never' * null_is_said(schema, one)} = None"
        for one in fields
    ]
    return "\n".join(
        [
            f"class {schema.name}(AnswerPart):",
            _docstring(schema),
            "",
            f"    __slots__ = ({', '.join(repr(one.name) for one in fields)},)",
            "",
            f"    def __init__(self, {', '.join(parameters)}) -> None:",
            *(f"        self.{one.name} = {one.name}" for one in fields),
            "",
        ]
    )


def _dictionary(schema: Schema) -> str:
    needed = [f"    {one.name}: {_word(one.type, 'VectorLike')}" for one in schema.fields if one.required]
    others = [f"    {one.name}: {_word(one.type, 'VectorLike')}" for one in schema.fields if not one.required]
    if not needed:
        return "\n".join(
            [f"class {schema.name}(TypedDict, total=False):", _docstring(schema), "", *others, ""]
        )
    if not others:
        return "\n".join([f"class {schema.name}(TypedDict):", _docstring(schema), "", *needed, ""])
    base = f"_{schema.name}Needs"
    return "\n".join(
        [
            f"class {base}(TypedDict):",
            *needed,
            "",
            "",
            f"class {schema.name}({base}, total=False):",
            _docstring(schema),
            "",
            *others,
            "",
        ]
    )


def _docstring(schema: Schema) -> str:
    text = schema.description or schema.name
    return f'    """{text}"""'


def _maybe(field: Field, vector: str) -> str:
    word = _word(field.type, vector)
    return word if word.endswith("| None") or word == "Any" else f"{word} | None"


def _word(one: Type, vector: str) -> str:
    match one.kind:
        case "literal":
            word = f"Literal[{', '.join(map(repr, one.values))}]".replace("'", '"')
        case "list":
            word = f"list[{_word(one.of, vector)}]" if one.of else "list[Any]"
        case "map":
            word = f"dict[str, {_word(one.of, vector)}]" if one.of else "dict[str, Any]"
        case "schema":
            word = one.name
        case "vector":
            word = vector
        case kind:
            word = _WORDS[kind]
    return f"{word} | None" if one.nullable and word != "Any" else word
