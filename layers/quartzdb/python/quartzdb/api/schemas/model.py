"""The three kinds of schema: bodies and query strings, which are checked, and documents, which are described.

Only the shape is checked here. What values may be is the domain's to say, so limits stand in the JSON Schema for
readers, but are enforced, with better messages, below.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

# Validators are built (defer_build) when a schema is first used: a cold start pays only for the operation it serves.


class Body(BaseModel):
    """A JSON request body. Strict: "1" is no number and 1 no string; a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


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
