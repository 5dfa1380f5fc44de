"""`python -m quartzdb_mcp`: the same as `quartzdb-mcp`."""

from __future__ import annotations

from quartzdb_mcp.command import main

main()
