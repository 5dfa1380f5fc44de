"""All tools, in the order in which they are listed."""

from __future__ import annotations

from typing import Any

from quartzdb_mcp.tool import Tool
from quartzdb_mcp.tools.key_values import GET_VALUE, PUT_VALUE
from quartzdb_mcp.tools.namespaces import DESCRIBE_NAMESPACE, LIST_NAMESPACES
from quartzdb_mcp.tools.records import FETCH, LIST
from quartzdb_mcp.tools.search import SEARCH
from quartzdb_mcp.tools.writes import DELETE, UPSERT

TOOLS: tuple[Tool[Any], ...] = (
    SEARCH,
    FETCH,
    LIST,
    LIST_NAMESPACES,
    DESCRIBE_NAMESPACE,
    GET_VALUE,
    UPSERT,
    DELETE,
    PUT_VALUE,
)
