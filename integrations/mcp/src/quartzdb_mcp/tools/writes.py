"""Writes of records: by id, so that no call changes more than it names."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from quartzdb_mcp.database import Database
from quartzdb_mcp.metadata import without_nothing
from quartzdb_mcp.tool import REPLACES, Answer, Arguments, NamespaceName, RecordId, Tool, VectorNumbers

RECORDS_MAX = 100


class RecordToWrite(BaseModel):
    """A record."""

    model_config = ConfigDict(extra="forbid")

    id: RecordId
    vector: Annotated[
        VectorNumbers | None,
        Field(description="As many numbers as the namespace has dimensions; none where it has none."),
    ] = None
    metadata: Annotated[
        dict[str, Any] | None,
        Field(description="At most 32 KiB of JSON. Text fields of the namespace are here, too."),
    ] = None
    if_absent: Annotated[bool, Field(description="Write only if there is no record with this id.")] = False
    if_version: Annotated[
        str | None, Field(description="Write only if the record has this version: `fetch` tells it.")
    ] = None

    @model_validator(mode="after")
    def _one_condition(self) -> RecordToWrite:
        if self.if_version is not None and self.if_absent:
            raise ValueError("give `if_version` or `if_absent`, not both")
        return self


class UpsertArguments(Arguments):
    """What to write."""

    namespace: NamespaceName
    records: Annotated[list[RecordToWrite], Field(min_length=1, max_length=RECORDS_MAX)]


class UpsertAnswer(Answer):
    """All are written."""

    upserted: int
    version: str


class DeleteArguments(Arguments):
    """What to delete."""

    namespace: NamespaceName
    ids: Annotated[list[RecordId], Field(min_length=1, max_length=RECORDS_MAX)]


class DeleteAnswer(Answer):
    """How many of them existed."""

    deleted: int


async def _upsert(database: Database, asked: UpsertArguments) -> UpsertAnswer:
    records = [
        without_nothing(
            {
                "id": one.id,
                "vector": one.vector,
                "metadata": one.metadata,
                "if_absent": one.if_absent or None,
                "if_version": one.if_version,
            }
        )
        for one in asked.records
    ]
    written = await database.client.namespace(asked.namespace).upsert(records)
    return UpsertAnswer(upserted=written.upserted, version=written.version)


async def _delete(database: Database, asked: DeleteArguments) -> DeleteAnswer:
    deleted = await database.client.namespace(asked.namespace).delete(asked.ids)
    return DeleteAnswer(deleted=deleted.deleted)


UPSERT = Tool(
    name="upsert",
    title="Write records",
    description="Write records, all or none. A record with the same id is replaced as a whole, metadata included.",
    scope="write",
    arguments=UpsertArguments,
    answer=UpsertAnswer,
    annotations=REPLACES,
    work=_upsert,
)
DELETE = Tool(
    name="delete",
    title="Delete records",
    description="Delete records by id, for good. Ids that do not exist are no error.",
    scope="write",
    arguments=DeleteArguments,
    answer=DeleteAnswer,
    annotations=REPLACES,
    work=_delete,
)
