"""What a request of the collection is, apart from what the OpenAPI document says of its operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KEY = "{{apiKey}}"


@dataclass(frozen=True, slots=True)
class Step:
    """One request. In all texts `{{name}}` is a variable.

    `operation` is the operation's id. The body is the document's example of that name, with `body` over it; or `body`;
    or `text`. `expects` are pairs of expressions of JavaScript that must be equal, of `answer`, the document or text
    that was answered. `remembers` are variables, and the expressions that give them. `key` is None where none is sent.
    """

    operation: str
    name: str = ""
    example: str | None = None
    body: Mapping[str, Any] | None = None
    text: str | None = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    status: Sequence[int] = (200,)
    expects: Sequence[tuple[str, str]] = ()
    remembers: Mapping[str, str] = field(default_factory=dict)
    key: str | None = KEY


@dataclass(frozen=True, slots=True)
class Folder:
    """Requests that belong together."""

    name: str
    description: str
    steps: Sequence[Step]
