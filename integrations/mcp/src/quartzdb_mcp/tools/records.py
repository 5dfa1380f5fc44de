"""Records by id, and records by filter in an order."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from quartzdb_mcp.database import Database
from quartzdb_mcp.fitting import fit
from quartzdb_mcp.metadata import chosen, numbers, without_nothing
from quartzdb_mcp.tool import READS, Answer, Arguments, FieldNames, Filter, NamespaceName, RecordId, Tool

FETCH_IDS_MAX = 50
LIST_LIMIT_MAX = 100


class Record(BaseModel):
    """A record. `version` is for conditional writes."""

    id: str
    version: str
    metadata: dict[str, Any] | None = None
    vector: list[float] | None = None
    expires_at: str | None = None


class FetchArguments(Arguments):
    """Which records."""

    namespace: NamespaceName
    ids: Annotated[list[RecordId], Field(min_length=1, max_length=FETCH_IDS_MAX)]
    fields: FieldNames | None = None
    include_vectors: Annotated[bool, Field(description="They are long: only if you need the numbers.")] = (
        False
    )


class FetchAnswer(Answer):
    """Those that exist, in the order asked for."""

    records: list[Record]
    missing: list[str]


class ListArguments(Arguments):
    """Which records, in which order."""

    namespace: NamespaceName
    filter: Filter | None = None
    order_by: Annotated[
        str | None,
        Field(min_length=1, max_length=512, description="A metadata field. By id without it."),
    ] = None
    descending: bool = False
    limit: Annotated[int, Field(ge=1, le=LIST_LIMIT_MAX)] = 20
    cursor: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=8192,
            description="That of the answer before, with all else the same but `limit`.",
        ),
    ] = None
    fields: FieldNames | None = None
    include_vectors: Annotated[bool, Field(description="They are long: only if you need the numbers.")] = (
        False
    )


class ListAnswer(Answer):
    """Records in order."""

    records: list[Record]
    cursor: Annotated[
        str | None, Field(description="Where the next page begins; missing where there are no more.")
    ] = None


async def _fetch(database: Database, asked: FetchArguments) -> FetchAnswer:
    found = await database.client.namespace(asked.namespace).fetch(asked.ids)
    fitted = fit(
        [_shown(one, asked.fields, vectors=asked.include_vectors) for one in found.records],
        database.characters,
    )
    return FetchAnswer(
        records=[Record(**one) for one in fitted.records], missing=list(found.missing), notes=fitted.notes
    )


async def _list(database: Database, asked: ListArguments) -> ListAnswer:
    pages = database.client.namespace(asked.namespace).list(
        filter=asked.filter,
        order_by=asked.order_by,
        descending=asked.descending,
        include_vectors=asked.include_vectors,
        include_metadata=True if asked.fields is None else (asked.fields or False),
        page_size=asked.limit,
        cursor=asked.cursor,
    )
    page = await anext(pages.pages())
    fitted = fit(
        [_shown(one, None, vectors=asked.include_vectors) for one in page.records], database.characters
    )
    return ListAnswer(
        records=[Record(**one) for one in fitted.records],
        # The next page would not have what was left out of this one.
        cursor=None if fitted.dropped else page.cursor,
        notes=fitted.notes,
    )


def _shown(record: Any, fields: list[str] | None, *, vectors: bool) -> dict[str, Any]:
    return without_nothing(
        {
            "id": record.id,
            "version": record.version,
            "metadata": chosen(record.metadata, fields),
            "vector": numbers(record.vector) if vectors else None,
            "expires_at": record.expires_at,
        }
    )


FETCH = Tool(
    name="fetch",
    title="Fetch records by id",
    description="Read records whose ids you know, with their metadata.",
    scope="read",
    arguments=FetchArguments,
    answer=FetchAnswer,
    annotations=READS,
    work=_fetch,
)
LIST = Tool(
    name="list",
    title="List records",
    description="Go through the records of a namespace that match a filter, ordered by a metadata field or by id. It "
    "asks no question: to find the best, use `search`.",
    scope="read",
    arguments=ListArguments,
    answer=ListAnswer,
    annotations=READS,
    work=_list,
)
