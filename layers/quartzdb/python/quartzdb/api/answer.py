"""Answers: what a handler returns, still apart from how it is sent, so that it can also be stored and replayed."""

from __future__ import annotations

import orjson

from quartzdb.domain.values import dataclass

JSON = "application/json"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response. `content_type` None: it has no body to describe."""

    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: Headers = ()


def encoded_bytes(document: object) -> int:
    """What a document has as JSON."""
    return len(orjson.dumps(document))


def json_answer(document: object, status: int = 200, headers: Headers = ()) -> Answer:
    """A document as JSON. numpy arrays are written as they are: float32 with the fewest digits that say it exactly."""
    return Answer(status, orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), JSON, headers)
