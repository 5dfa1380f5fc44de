"""The three kinds of schema: bodies and query strings, which are checked, and documents, which are described.

Only the shape is checked here. What values may be is the domain's to say, so limits stand in the JSON Schema for
readers, but are enforced, with better messages, below.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

# Validators are built (defer_build) when a schema is first used: a cold start pays only for the operation it serves,
# and one from a snapshot for none (build_validators).

T = TypeVar("T")
Array = Annotated[list[T], Field(fail_fast=True)]
"""A list that is given up at its first bad entry: Pydantic would else collect an error for each of millions."""
_FIELDS_MAX = 32


class Body(BaseModel):
    """A JSON request body. Strict: "1" is no number and 1 no string; a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _bounded(cls, document: object) -> object:
        # For the same reason: each unknown field would be an error, and a body may have millions of them.
        if (
            isinstance(document, dict)
            and len(document) > _FIELDS_MAX
            and cls.model_config["extra"] == "forbid"
        ):
            raise PydanticCustomError("too_many_fields", "There are more fields than any document here has")
        return document


class LenientBody(Body):
    """A JSON request body whose unknown fields are passed over, as the Cloudflare deployment does."""

    model_config = ConfigDict(extra="ignore")


class QueryString(BaseModel):
    """Query parameters: all text, so "10" is a number where one is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class NoQuery(QueryString):
    """No query parameters at all."""


class Document(BaseModel):
    """A JSON answer. Never instantiated while serving: handlers write plain documents, and tests hold them to this."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


def build_validators() -> None:
    """Of all bodies and queries, whether any was used or not: for a process that is copied before its first request."""
    for model in (*_below(Body), *_below(QueryString)):
        model.model_rebuild(force=True)


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for one in model.__subclasses__():
        yield one
        yield from _below(one)
