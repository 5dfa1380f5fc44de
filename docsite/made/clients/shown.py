"""What a page of a client's reference shows, whatever its language, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from docsite.made.api import operations
from docsite.samples.steps import OPERATIONS

BY_STATUS: Mapping[str, str] = {
    "401": "Unauthenticated",
    "402": "LimitReached",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "410": "Gone",
    "412": "PreconditionFailed",
    "429": "RateLimited",
}
"""Errors of every client, by the status that they are made of."""
ALWAYS = ("ConnectionFailed", "DeadlineExceeded")
_OTHER_CALLS: Mapping[str, str] = {
    "describe": "describe_namespace",
    "query_pages": "query_vectors",
}
"""Methods that no scenario has a step for, or that are called otherwise there: their operations."""


@dataclass(frozen=True, slots=True)
class Member:
    """A method, a function or a field. `signature`: as its source has it; `words`: Markdown."""

    name: str
    signature: str
    words: str


@dataclass(frozen=True, slots=True)
class Part:
    """A class, or another type with a name. `code`: how it is made, or what it has; empty where that is not shown."""

    name: str
    words: str
    code: str
    members: Sequence[Member]


@dataclass(frozen=True, slots=True)
class Language:
    """`fence`: what blocks of code are marked with; `raised`: how errors are spoken of, up to their names."""

    fence: str
    raised: str


def parts_in(
    folder: Path, names: Iterable[str], read: Callable[[Path], Iterable[Part]], wanted: Collection[str]
) -> Sequence[Part]:
    """What is wanted of these files, as far as they are there: in their order, each part as `read` finds it."""
    files = (folder / name for name in names)
    return [part for file in files if file.is_file() for part in read(file) if part.name in wanted]


def page(top: str, parts: Sequence[Part], types: Sequence[Part], language: Language) -> str:
    """The whole page. `types`: shown at its end, by their sources alone."""
    blocks = [top.strip()]
    for part in parts:
        blocks += _part(part, language)
    if types:
        blocks.append("## What requests and answers are made of")
        for part in types:
            blocks.append(f"**`{part.name}`** {part.words}".rstrip())
            blocks.append(f"```{language.fence}\n{part.code}\n```")
    return "\n\n".join(blocks) + "\n"


def operation_of(owner: str, method: str) -> str | None:
    """Which operation a method asks for: by the steps of scenarios, whose names are those of methods."""
    name = re.sub(r"(?<=[a-z])([A-Z])", lambda match: f"_{match[1].lower()}", method)
    step = {"KeyValues": f"kv_{name}", "Keys": f"keys_{name}"}.get(owner, name)
    return OPERATIONS.get(step) or _OTHER_CALLS.get(step)


def _part(part: Part, language: Language) -> Iterator[str]:
    yield f"## {part.name}"
    if part.words:
        yield part.words
    if part.code:
        yield f"```{language.fence}\n{part.code}\n```"
    for member in part.members:
        yield f"### {part.name}.{member.name}" if part.members else member.name
        yield f"```{language.fence}\n{member.signature}\n```"
        if member.words:
            yield member.words
        if asked := operation_of(part.name, member.name):
            yield _asked(asked, language)


def _asked(asked: str, language: Language) -> str:
    tag, operation = operations()[asked]
    kinds = dict.fromkeys(BY_STATUS.get(status, _kind(status)) for status in operation.refusals)
    names = ", ".join(f"`{kind}`" for kind in [*kinds, *ALWAYS])
    return f"{language.raised} {names}. It asks for [{operation.summary}](../api/{tag}.md#{asked})."


def _kind(status: str) -> str:
    return "ServerError" if status >= "500" else "InvalidRequest"
