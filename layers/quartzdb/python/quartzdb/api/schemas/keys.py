"""Schemas of API keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quartzdb.api.schemas.fields import Time
from quartzdb.api.schemas.model import Array, Body, Document
from quartzdb.services.keys import NAME_CHARACTERS_MAX

ScopeName = Literal["read", "write", "admin"]
KeyName = Annotated[
    str,
    Field(
        description="What the key is for, for people.",
        json_schema_extra={"minLength": 1, "maxLength": NAME_CHARACTERS_MAX},
    ),
]


class NewKey(Body):
    """A key to be made."""

    name: KeyName
    scopes: Array[str] = Field(
        description="Each stands for itself: `admin` manages namespaces and keys, and gives no other right.",
        json_schema_extra={"minItems": 1, "items": {"enum": ["read", "write", "admin"]}},
    )
    expires_in_seconds: int | None = Field(
        None,
        description="When the key ends by itself; never without it.",
        json_schema_extra={"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
    )


class KeySummary(Document):
    """A key without its secret."""

    id: str
    name: KeyName
    scopes: list[ScopeName]
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None


class KeyCreated(KeySummary):
    """A key with its text, which can be seen this once."""

    key: str


class KeyList(Document):
    """All keys by creation time, revoked ones included."""

    keys: list[KeySummary]


class KeyRevoked(Document):
    """The key has ended."""

    revoked: bool
