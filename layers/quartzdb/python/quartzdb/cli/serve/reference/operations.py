"""The operations of an OpenAPI document, with all that a reader is told of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quartzdb.cli.serve.reference.fields import FieldRow, Schema, kind, rows
from quartzdb.domain.values import dataclass

Description = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BodyText:
    """A body or an answer. `media`: its types; `examples`: JSON or text by name, or by "" where there is one."""

    words: str
    media: Sequence[str]
    kind: str
    rows: Sequence[FieldRow]
    examples: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AnswerText:
    """One that is no refusal. `headers`: but for those that every answer has."""

    status: str
    content: BodyText
    headers: Sequence[FieldRow]


@dataclass(frozen=True, slots=True)
class OperationText:
    """One method of one path. `refusals`: statuses; `scope`: what a key needs, None where no key is asked for."""

    id: str
    method: str
    path: str
    summary: str
    words: str
    scope: str | None
    parameters: Sequence[tuple[str, FieldRow]]
    body: BodyText | None
    answers: Sequence[AnswerText]
    refusals: Sequence[str]


@dataclass(frozen=True, slots=True)
class Tag:
    """The operations of a tag."""

    name: str
    words: str
    operations: Sequence[OperationText]


def groups(document: Description) -> list[Tag]:
    """All operations by their first tag, in the order of tags."""
    common = set(common_headers(document))
    found: dict[str, list[OperationText]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            found[said["tags"][0]].append(_operation(document, method.upper(), path, said, common))
    return [Tag(tag["name"], tag["description"], found[tag["name"]]) for tag in document["tags"]]


def common_headers(document: Description) -> dict[str, str]:
    """Headers that answers of more than half of the operations have, with what they say."""
    counted: dict[str, int] = {}
    words: dict[str, str] = {}
    operations = [one for methods in document["paths"].values() for one in methods.values()]
    for one in operations:
        headers: dict[str, Any] = {}
        for status, answer in one["responses"].items():
            headers |= answer.get("headers", {}) if status < "300" else {}
        for name, said in headers.items():
            counted[name] = counted.get(name, 0) + 1
            words[name] = said["description"]
    return {name: words[name] for name, times in counted.items() if 2 * times > len(operations)}


def _operation(
    document: Description, method: str, path: str, said: Mapping[str, Any], common: set[str]
) -> OperationText:
    schemas = document["components"]["schemas"]
    parameters = [
        (one["in"], _row(one["name"], one, schemas, required=one.get("required", False)))
        for one in said.get("parameters", ())
    ]
    answers = [
        AnswerText(status, _content(one, schemas), _headers(one, schemas, common))
        for status, one in said["responses"].items()
        if "$ref" not in one
    ]
    return OperationText(
        id=said["operationId"],
        method=method,
        path=path,
        summary=said["summary"],
        words=said["description"].partition("\n\nNeeds a key")[0],
        scope=said.get("x-scope"),
        parameters=parameters,
        body=_content(said["requestBody"], schemas) if "requestBody" in said else None,
        answers=answers,
        refusals=[status for status, one in said["responses"].items() if "$ref" in one],
    )


def _headers(answer: Mapping[str, Any], schemas: Mapping[str, Schema], common: set[str]) -> list[FieldRow]:
    found = answer.get("headers", {}).items()
    return [_row(name, one, schemas, required=False) for name, one in found if name not in common]


def _row(name: str, said: Mapping[str, Any], schemas: Mapping[str, Schema], *, required: bool) -> FieldRow:
    return FieldRow(name, kind(said["schema"], schemas), required, said.get("description", ""))


def _content(said: Mapping[str, Any], schemas: Mapping[str, Schema]) -> BodyText:
    content: Mapping[str, Any] = said.get("content", {})
    examples: dict[str, Any] = {}
    fields: list[FieldRow] = []
    kinds: list[str] = []
    for one in content.values():
        fields += rows(one.get("schema", {}), schemas)
        kinds.append(kind(one.get("schema", {}), schemas))
        examples |= {name: example["value"] for name, example in one.get("examples", {}).items()}
        if "example" in one:
            examples.setdefault("", one["example"])
    return BodyText(said.get("description", ""), list(content), " or ".join(kinds), fields, examples)
