"""Which tools a server has: those that read, and those that write only where that was allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcp_types import CallToolResult

from quartzdb_mcp.failures import refused
from quartzdb_mcp.tool import Tool
from quartzdb_mcp.tools import TOOLS


class Choice:
    """The tools of a server, by name.

    `names` are those wanted; all without it. Raises ValueError for a name that is none, and for one that writes where
    `write` is not set.
    """

    def __init__(self, *, write: bool = False, names: Sequence[str] | None = None) -> None:
        known = {tool.name: tool for tool in TOOLS}
        for name in names or ():
            if name not in known:
                raise ValueError(f"There is no tool {name!r}. There are: {', '.join(known)}.")
            if known[name].scope == "write" and not write:
                raise ValueError(f"The tool {name!r} writes: add --write to have it.")
        if names is not None and not names:
            raise ValueError(f"No tool is named. There are: {', '.join(known)}.")
        self.tools: dict[str, Tool[Any]] = {
            tool.name: tool
            for tool in TOOLS
            if (write or tool.scope == "read") and (names is None or tool.name in names)
        }
        self._write = write

    def missing(self, name: str) -> CallToolResult:
        """Why there is no such tool here."""
        of_all = next((tool for tool in TOOLS if tool.name == name), None)
        if of_all is None:
            return refused(
                "unknown_tool", f"There is no tool {name!r}.", f"There are: {', '.join(self.tools)}."
            )
        if of_all.scope == "write" and not self._write:
            return refused(
                "read_only",
                f"The tool {name!r} writes, and this server only reads.",
                "Whoever runs it can start it with --write.",
            )
        return refused(
            "not_offered",
            f"The tool {name!r} is not among those that this server was started with.",
            f"There are: {', '.join(self.tools)}.",
        )
