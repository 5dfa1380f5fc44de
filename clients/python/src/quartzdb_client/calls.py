"""Calls of the API: what is sent, and what the answer is made of. No network here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from quartzdb_client.decoding import decode

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def document(self) -> Any:
        """Its JSON."""
        return json.loads(self.content)


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One request. `writes`: an idempotency key is sent, so that it can be repeated as reads can; `once`: there is none
    for it, so it is sent again only where the server said that it did nothing."""

    method: str
    path: str
    read: Callable[[Answer], T_co]
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    writes: bool = False
    once: bool = False


def answer_of(kind: type[T]) -> Callable[[Answer], T]:
    """Reads an answer as a class of `types`."""
    return lambda answer: decode(kind, answer.document())


def path_of(*parts: str) -> str:
    """A path below /v1; what parts have of slashes and the like is escaped."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def body_of(**values: Any) -> bytes:
    """JSON of what is not None."""
    return json_of(given(values))


def json_of(document: Mapping[str, Any]) -> bytes:
    """JSON of all of it, None as null."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def query_of(**values: object) -> dict[str, str]:
    """Query parameters of what is not None."""
    return {name: _text(value) for name, value in values.items() if value is not None}


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is None."""
    return {name: value for name, value in values.items() if value is not None}


JSON = {"Content-Type": "application/json"}


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
