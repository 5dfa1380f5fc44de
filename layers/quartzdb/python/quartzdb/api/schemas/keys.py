"""Schemas of API keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quartzdb.api.schemas.fields import Time
from quartzdb.api.schemas.model import Array, Body, Document, QueryString
from quartzdb.services.keys import (
    KEY_NAMESPACES_MAX,
    NAME_CHARACTERS_MAX,
    OVERLAP_SECONDS_DEFAULT,
    OVERLAP_SECONDS_MAX,
)

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

    namespaces: Array[str] | None = Field(
        None,
        description="The namespaces that the key reaches; all without it. It can neither see nor create another.",
        json_schema_extra={
            "anyOf": [
                {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "maxItems": KEY_NAMESPACES_MAX,
                },
                {"type": "null"},
            ]
        },
    )


class RotateKey(Body):
    """How a key gives way to the next."""

    overlap_seconds: int = Field(
        OVERLAP_SECONDS_DEFAULT,
        description="How long the old key goes on.",
        json_schema_extra={"minimum": 0, "maximum": OVERLAP_SECONDS_MAX},
    )
    expires_in_seconds: int | None = Field(
        None,
        description="When the new key ends by itself; without it, it has as long as the old one was given.",
        json_schema_extra={"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
    )


class RevokeKey(QueryString):
    """What else is to end."""

    cascade: bool = Field(
        False, description="End every key, too, that was made with this one, directly or not."
    )


class KeySummary(Document):
    """A key without its secret."""

    id: str
    name: KeyName
    scopes: list[ScopeName]
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None
    namespaces: list[str] | None = Field(description="The only ones that it reaches; null: all.")
    created_by: str | None = Field(
        description="The id of the key that it was made with; null: made where the database is."
    )
    last_used_at: Time | None = Field(
        description="At this site, some minutes old at most; null: no use was noted."
    )


class KeyCreated(KeySummary):
    """A key with its text, which can be seen this once."""

    key: str


class KeyReplaced(Document):
    """The key before, and when it ends."""

    id: str
    expires_at: Time


class KeyRotated(KeyCreated):
    """The key that follows another."""

    replaces: KeyReplaced


class KeyList(Document):
    """All keys by creation time, revoked ones included."""

    keys: list[KeySummary]


class KeyRevoked(Document):
    """The key has ended."""

    revoked: bool
    ids: list[str] = Field(description="The keys that have ended: this one first.")
