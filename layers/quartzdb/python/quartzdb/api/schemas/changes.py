"""Schemas of change feeds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quartzdb.api.schemas.fields import Key, Limit, RecordId, Time, Version
from quartzdb.api.schemas.freshness import ReadDocument
from quartzdb.api.schemas.model import Document, QueryString
from quartzdb.api.schemas.receipt import Receipt
from quartzdb.domain.limits import WAIT_SECONDS_MAX

FeedCursor = Annotated[
    str | None,
    Field(
        description="The `cursor` of an answer before: what was committed since. It is good for the whole retention."
    ),
]
From = Annotated[
    Literal["now", "beginning"] | None,
    Field(
        alias="from",
        description="Without a cursor: `now`, the default, begins after everything that is there; `beginning` with the "
        "first that is kept.",
    ),
]
Since = Annotated[
    str | None,
    Field(
        description="Without a cursor: a moment (RFC 3339) from which on, or the `version` of a write after which, "
        "what was committed is wanted.",
    ),
]
Wait = Annotated[
    float,
    Field(
        description="Seconds to wait for a change where there is none. The answer comes with the first that is there.",
        json_schema_extra={"minimum": 0, "maximum": WAIT_SECONDS_MAX},
    ),
]
CURSOR_FIELD = Field(description="Where to go on. There always is one.")
MORE_FIELD = Field(description="Whether there is more at once; else go on with `wait`.")
COMPLETE_FIELD = Field(
    description="All that was committed at this site, and has expired, up to then was told, up to this page."
)
AT_FIELD = Field(description="When it was committed at this site: events of a shard are in this order.")


class FollowChanges(QueryString):
    """From where, how many, and what of each record."""

    cursor: FeedCursor = None
    begin: From = None
    since: Since = None
    limit: Limit = 100
    wait: Wait = 0
    include_metadata: bool = Field(
        False, description="With the metadata, or the fields that a patch changed."
    )
    include_vectors: Literal["false", "true", "base64"] = Field(
        "false", description="With the vectors of upserts; `base64` is the compact form."
    )


class FollowKeyChanges(QueryString):
    """From where, how many, and whether with values."""

    cursor: FeedCursor = None
    begin: From = None
    since: Since = None
    limit: Limit = 100
    wait: Wait = 0
    values: bool = Field(False, description="With values: as text, or base64 where they are none.")


class ChangeDocument(Document):
    """One change of a record, or its expiry."""

    kind: Literal["upsert", "patch", "delete", "expire"] = Field(
        description="`upsert`: the record is exactly this now. `patch`: some metadata fields changed. `delete`: it is "
        "gone, if it was there. `expire`: it was there, and its moment came.",
    )
    id: RecordId
    version: Version
    shard: int = Field(description="Which shard it is in. What one shard has comes in commit order.")
    at: Time = AT_FIELD
    vector: list[float] | str | None = Field(default=None, description="Of an upsert, where asked for.")
    metadata: dict[str, object] | None = Field(default=None, description="Of an upsert, where asked for.")
    set: dict[str, object] | None = Field(
        default=None, description="Of a patch, where metadata is asked for."
    )
    unset: list[str] | None = Field(default=None, description="Of a patch, where metadata is asked for.")
    expires_at: str | None = Field(
        default=None,
        description="When the record expires: RFC 3339, in UTC. Of an upsert, missing where it never does; of a patch, "
        "missing where that stays as it was, and null where it never does from now on. Of an expiry, when it did.",
        json_schema_extra={"format": "date-time"},
    )


class ChangePage(ReadDocument):
    """What changed."""

    changes: list[ChangeDocument]
    cursor: str = CURSOR_FIELD
    more: bool = MORE_FIELD
    complete_until: Time = COMPLETE_FIELD
    usage: Receipt


class KeyChangeDocument(Document):
    """What a key is now, that changed; with history, one change of it, or its expiry."""

    kind: Literal["put", "delete", "expire"]
    key: Key
    version: Version
    at: Time = AT_FIELD
    content_type: str = Field(default="", description="Of a put, as the next three.")
    expires_at: Time | None = None
    value: str | None = Field(default=None, description="Where asked for, and text.")
    value_base64: str | None = Field(default=None, description="Where asked for, and no text.")
    value_bytes: int | None = Field(
        default=None, description="Of a put whose value is too large for the history: how large it was."
    )


class KeyChangePage(ReadDocument):
    """Which keys changed."""

    changes: list[KeyChangeDocument]
    cursor: str = CURSOR_FIELD
    more: bool = MORE_FIELD
    complete_until: Time = COMPLETE_FIELD
    history: bool = Field(
        description="Whether every change is told: the namespace keeps a history of its keys. Else each key comes with "
        "its last state."
    )
    usage: Receipt
