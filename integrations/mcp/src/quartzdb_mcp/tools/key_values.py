"""Key-values: a text by its key."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from quartzdb_mcp.database import Database
from quartzdb_mcp.tool import READS, REPLACES, Answer, Arguments, NamespaceName, Tool

VALUE_CHARACTERS_MAX = 256 * 1024
TTL_SECONDS_MAX = 10 * 365 * 24 * 3600
Key = Annotated[str, Field(min_length=1, max_length=512)]


class GetValueArguments(Arguments):
    """Which key."""

    namespace: NamespaceName
    key: Key
    offset: Annotated[int, Field(ge=0, description="Of a long text: after how many characters to begin.")] = 0


class GetValueAnswer(Answer):
    """A value. `value` is missing where it is no text."""

    key: str
    value: str | None = None
    content_type: str
    bytes: int
    version: str
    expires_at: str | None = None


class PutValueArguments(Arguments):
    """What to write."""

    namespace: NamespaceName
    key: Key
    value: Annotated[str, Field(max_length=VALUE_CHARACTERS_MAX)]
    content_type: Annotated[
        str | None,
        Field(min_length=1, max_length=256, description="Like application/json. Plain text without it."),
    ] = None
    ttl_seconds: Annotated[
        float | None, Field(gt=0, le=TTL_SECONDS_MAX, description="The value is gone after so long.")
    ] = None
    if_version: Annotated[
        str | None, Field(description="Write only if the value has this version: `get_value` tells it.")
    ] = None
    if_absent: Annotated[bool, Field(description="Write only if there is no such key.")] = False

    @model_validator(mode="after")
    def _one_condition(self) -> PutValueArguments:
        if self.if_version is not None and self.if_absent:
            raise ValueError("give `if_version` or `if_absent`, not both")
        return self


class PutValueAnswer(Answer):
    """It is written."""

    key: str
    version: str


async def _get_value(database: Database, asked: GetValueArguments) -> GetValueAnswer:
    item = await database.client.namespace(asked.namespace).kv.get(asked.key)
    content = item.value or b""
    notes: list[str] = []
    shown: str | None = None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        notes.append("The value is no text, and is not shown.")
    else:
        end = asked.offset + database.characters
        shown = text[asked.offset : end]
        if len(text) > end:
            notes.append(f"{len(text) - end} more characters: go on with offset {end}.")
    return GetValueAnswer(
        key=asked.key,
        value=shown,
        content_type=item.content_type,
        bytes=len(content),
        version=item.version,
        expires_at=item.expires_at,
        notes=notes,
    )


async def _put_value(database: Database, asked: PutValueArguments) -> PutValueAnswer:
    put = await database.client.namespace(asked.namespace).kv.put(
        asked.key,
        asked.value,
        content_type=asked.content_type,
        ttl_seconds=asked.ttl_seconds,
        if_version=asked.if_version,
        if_absent=asked.if_absent,
    )
    return PutValueAnswer(key=asked.key, version=put.version)


GET_VALUE = Tool(
    name="get_value",
    title="Get a value",
    description="Read the value of a key in a namespace's key-values. These are apart from its records.",
    scope="read",
    arguments=GetValueArguments,
    answer=GetValueAnswer,
    annotations=READS,
    work=_get_value,
)
PUT_VALUE = Tool(
    name="put_value",
    title="Put a value",
    description="Write a text under a key in a namespace's key-values; what was there is replaced.",
    scope="write",
    arguments=PutValueArguments,
    answer=PutValueAnswer,
    annotations=REPLACES,
    work=_put_value,
)
