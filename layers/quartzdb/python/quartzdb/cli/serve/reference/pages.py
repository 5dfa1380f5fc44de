"""The reference as Markdown: what one operation takes, answers and refuses, with calls in four languages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from quartzdb.cli.serve.reference.fields import FieldRow
from quartzdb.cli.serve.reference.operations import AnswerText, BodyText, OperationText

Samples = Mapping[str, Sequence[Mapping[str, str]]]
"""By operation: the same call in several languages, each with `label`, `lang` and `source`."""
SAMPLES = Path(__file__).with_name("code_samples.json")


class Dialect(Protocol):
    """What a renderer of Markdown has of its own."""

    def heading(self, text: str, anchor: str) -> str:
        """One of the second level, with an anchor."""

    def choices(self, blocks: Sequence[tuple[str, str]]) -> str:
        """Blocks of which one is read at a time, with their labels."""

    def errors(self) -> str:
        """Where the page of errors is, from the page of an operation."""


def samples() -> Samples:
    """Those that the package has."""
    found: Samples = json.loads(SAMPLES.read_text("utf-8"))
    return found


def section(one: OperationText, given: Samples, dialect: Dialect) -> str:
    """All about one operation."""
    parts = [
        dialect.heading(one.summary, one.id),
        f"`{one.method} {one.path}` · {_scope(one.scope)}",
        one.words,
    ]
    if calls := given.get(one.id):
        blocks = [(call["label"], fence(call["lang"].lower(), call["source"])) for call in calls]
        parts.append(dialect.choices(blocks))
    if one.parameters:
        parts.append("**Parameters**")
        parts.append(_parameters(one.parameters))
    if one.body is not None:
        parts += ["**Body**", *_content(one.body, dialect, sent=True)]
    for answer in one.answers:
        parts += [f"**Answer {answer.status}**", *_answer(answer, dialect)]
    refused = ", ".join(one.refusals)
    parts.append(f"**Refused** with {refused}: [what each error means, and what to do]({dialect.errors()}).")
    return "\n\n".join(part for part in parts if part) + "\n"


def fence(language: str, source: str) -> str:
    """A block of code."""
    return f"```{language}\n{source}\n```"


def table(rows: Sequence[FieldRow], *, head: str = "Field", sent: bool = False) -> str:
    """Fields, with their types. `sent`: by the reader, who is told which are required."""
    lines = [f"| {head} | Type | Meaning |", "|---|---|---|"]
    lines += [
        f"| `{row.name}` | {cell(row.kind)}{_needed(row) if sent else ''} | {cell(row.words)} |"
        for row in rows
    ]
    return "\n".join(lines)


def cell(text: str) -> str:
    """On one line, and without the end of a cell in it."""
    return " ".join(text.split()).replace("|", "\\|")


def _needed(row: FieldRow) -> str:
    return ", **required**" if row.required else ""


def _scope(scope: str | None) -> str:
    return "needs no key" if scope is None else f"needs a key with the scope `{scope}`"


def _parameters(parameters: Sequence[tuple[str, FieldRow]]) -> str:
    lines = ["| Parameter | In | Type | Meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{row.name}` | {place} | {cell(row.kind)}{_needed(row)} | {cell(row.words)} |"
        for place, row in parameters
    ]
    return "\n".join(lines)


def _answer(answer: AnswerText, dialect: Dialect) -> list[str]:
    headers = [table(answer.headers, head="Header")] if answer.headers else []
    return [*_content(answer.content, dialect), *headers]


def _content(content: BodyText, dialect: Dialect, *, sent: bool = False) -> list[str]:
    media = " or ".join(f"`{one}`" for one in content.media if one != "application/json")
    kinds = "" if content.rows or not content.media or content.kind == "anything" else content.kind
    parts = [" · ".join(part for part in (content.words, media, kinds) if part)]
    if content.rows:
        parts.append(table(content.rows, sent=sent))
    blocks = [(name or "Example", _example(value)) for name, value in content.examples.items()]
    if blocks:
        parts.append(dialect.choices(blocks))
    return parts


def _example(value: Any) -> str:
    if isinstance(value, str):
        return fence("text", value)
    return fence("json", _shown(value))


def _shown(value: Any, indent: str = "") -> str:
    """JSON as people write it: what fits is on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= 88 or not isinstance(value, Mapping | list):
        return line
    deeper = indent + "  "
    if isinstance(value, Mapping):
        parts = [f"{deeper}{json.dumps(name)}: {_shown(one, deeper)}" for name, one in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{deeper}{_shown(one, deeper)}" for one in value) + f"\n{indent}]"
