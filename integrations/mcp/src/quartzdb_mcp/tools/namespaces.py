"""Which namespaces there are, and what one has: settings, counts, fields, and what it can be searched by."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from quartzdb_client import AsyncClient
from quartzdb_mcp.database import Database
from quartzdb_mcp.fitting import as_many, cut
from quartzdb_mcp.metadata import without_nothing
from quartzdb_mcp.tool import READS, Answer, Arguments, NamespaceName, Tool

NAMESPACES_MAX = 200
FIELDS_SHOWN = 100
VALUE_CHARACTERS = 100


class Namespace(BaseModel):
    """A namespace."""

    name: str
    dimension: Annotated[int | None, Field(description="How many numbers a vector has; none without it.")] = (
        None
    )
    metric: str
    text_fields: list[str]
    sparse_fields: list[str]
    created_at: str


class ListNamespacesArguments(Arguments):
    """Which ones."""

    prefix: Annotated[str | None, Field(max_length=63, description="Those whose names begin so.")] = None
    limit: Annotated[int, Field(ge=1, le=NAMESPACES_MAX)] = 100


class ListNamespacesAnswer(Answer):
    """Those that the key reaches, by name."""

    namespaces: list[Namespace]
    more: bool


class DescribeArguments(Arguments):
    """Which one."""

    namespace: NamespaceName


class MetadataField(BaseModel):
    """A field that some record has."""

    field: str
    records: int
    values: Annotated[
        list[dict[str, Any]], Field(description="By type: how many, the least and the greatest.")
    ]


class DescribeAnswer(Answer):
    """What a namespace has."""

    namespace: Namespace
    records: int
    keys: Annotated[int, Field(description="Of its key-values.")]
    search_by: Annotated[list[str], Field(description="What `search` can be asked with here.")]
    fields: list[MetadataField]


async def _list_namespaces(database: Database, asked: ListNamespacesArguments) -> ListNamespacesAnswer:
    found: list[Namespace] = []
    async for one in database.client.list_namespaces(prefix=asked.prefix, page_size=asked.limit + 1):
        found.append(_namespace(one))
        if len(found) > asked.limit:
            break
    shown = as_many([one.model_dump() for one in found[: asked.limit]], database.characters)
    more = len(found) > len(shown)
    return ListNamespacesAnswer(
        namespaces=found[: len(shown)],
        more=more,
        notes=["There are more: give a `prefix`."] if more else [],
    )


async def described(client: AsyncClient, name: str, characters: int) -> DescribeAnswer:
    """What a namespace has. Raises NotFound, Forbidden."""
    namespace = client.namespace(name)
    settings = await namespace.describe()
    schema = await namespace.schema()
    fields = as_many(
        [
            {"field": one.field, "records": one.records, "values": [_values(kind) for kind in one.values]}
            for one in schema.fields[:FIELDS_SHOWN]
        ],
        characters // 2,
    )
    more = len(schema.fields) > len(fields) or schema.more
    notes = [f"There are more fields: the first {len(fields)} are shown."] if more else []
    shown = _namespace(settings)
    return DescribeAnswer(
        namespace=shown,
        records=settings.stats.records,
        keys=settings.stats.keys,
        search_by=_search_by(shown),
        fields=[MetadataField(**one) for one in fields],
        notes=notes,
    )


async def _describe(database: Database, asked: DescribeArguments) -> DescribeAnswer:
    return await described(database.client, asked.namespace, database.characters)


def _search_by(namespace: Namespace) -> list[str]:
    ways = []
    if namespace.text_fields:
        ways.append(f"text: words in {', '.join(namespace.text_fields)}")
    if namespace.dimension is not None:
        ways.append(f"vector: {namespace.dimension} numbers, by {namespace.metric}")
        ways.append("id: a record whose vector is the question")
    if len(ways) > 2:
        ways.append("text together with vector or id: hybrid")
    return ways


def _namespace(one: Any) -> Namespace:
    return Namespace(
        name=one.name,
        dimension=one.dimension,
        metric=one.metric,
        text_fields=sorted(one.text or {}),
        sparse_fields=sorted(one.sparse or []),
        created_at=one.created_at,
    )


def _values(kind: Any) -> dict[str, Any]:
    return without_nothing(
        {"type": kind.type, "count": kind.count, "min": _brief(kind.min), "max": _brief(kind.max)}
    )


def _brief(value: Any) -> Any:
    return cut(value, VALUE_CHARACTERS) if isinstance(value, str) else value


LIST_NAMESPACES = Tool(
    name="list_namespaces",
    title="List namespaces",
    description="Which namespaces there are: each is a set of records (and key-values) of its own.",
    scope="read",
    arguments=ListNamespacesArguments,
    answer=ListNamespacesAnswer,
    annotations=READS,
    work=_list_namespaces,
)
DESCRIBE_NAMESPACE = Tool(
    name="describe_namespace",
    title="Describe a namespace",
    description="What a namespace has: settings, how many records and keys, the metadata fields with types and ranges "
    "(for filters), and what it can be searched by. Call it before the first search.",
    scope="read",
    arguments=DescribeArguments,
    answer=DescribeAnswer,
    annotations=READS,
    work=_describe,
)
