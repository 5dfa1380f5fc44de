"""Namespaces as resources: `quartzdb://namespaces/NAME` is what `describe_namespace` answers, as JSON."""

from __future__ import annotations

from urllib.parse import quote, unquote

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from quartzdb_client import NotFound, QuartzDBError
from quartzdb_mcp.database import Database
from quartzdb_mcp.tools.namespaces import described

PREFIX = "quartzdb://namespaces/"
SHOWN_MAX = 500
"""In the list; others are read by their name."""
_JSON = "application/json"


async def listed(database: Database) -> ListResourcesResult:
    """The namespaces that the key reaches. Raises MCPError."""
    resources: list[Resource] = []
    try:
        async for one in database.client.list_namespaces(page_size=SHOWN_MAX):
            if len(resources) == SHOWN_MAX:
                break
            resources.append(
                Resource(
                    uri=f"{PREFIX}{quote(one.name)}",
                    name=one.name,
                    description=f"The namespace {one.name}: settings, counts, metadata fields.",
                    mime_type=_JSON,
                )
            )
    except QuartzDBError as error:
        raise MCPError(code=INTERNAL_ERROR, message=str(error)) from error
    return ListResourcesResult(resources=resources)


def templates() -> ListResourceTemplatesResult:
    """The form of their addresses."""
    return ListResourceTemplatesResult(
        resource_templates=[
            ResourceTemplate(
                uri_template=f"{PREFIX}{{name}}",
                name="namespace",
                description="A namespace: settings, counts, metadata fields.",
                mime_type=_JSON,
            )
        ]
    )


async def read(database: Database, uri: str) -> ReadResourceResult:
    """What a namespace has. Raises MCPError for another address, or a namespace that the key does not reach."""
    name = unquote(uri.removeprefix(PREFIX))
    if not uri.startswith(PREFIX) or not name or "/" in name:
        raise MCPError(code=INVALID_PARAMS, message=f"There is no resource {uri!r}. They are {PREFIX}NAME.")
    try:
        answer = await described(database.client, name, database.characters)
    except NotFound as error:
        raise MCPError(code=INVALID_PARAMS, message=str(error), data={"uri": uri}) from error
    except QuartzDBError as error:
        raise MCPError(code=INTERNAL_ERROR, message=str(error), data={"uri": uri}) from error
    text = answer.model_dump_json(exclude_none=True)
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=_JSON, text=text)])
