"""The pages about this package."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters

from quartzdb_mcp.names import ANSWER_CHARACTERS, READING, WRITING
from quartzdb_mcp.tools import TOOLS
from tests.integrations.readme import ROOT, check

PAGE = ROOT / "integrations/mcp/README.md"


@pytest.fixture
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """`quartzdb-mcp` is a command, as where it is installed."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("on_the_path")
def test_the_example() -> None:
    """It runs, and prints what it says."""
    check("integrations/mcp/README.md")


@pytest.mark.usefixtures("on_the_path")
async def test_what_a_client_is_told_starts_a_server() -> None:
    """The first configuration, with the address and the key of a database that is there. Both pages have it."""
    configured, *_ = (json.loads(block) for block in _configurations("docs/integrations.md"))
    assert configured == json.loads(_configurations("integrations/mcp/README.md")[0])
    server = configured["mcpServers"]["quartzdb"]
    assert set(server["env"]) == {"QUARTZDB_URL", "QUARTZDB_API_KEY"}
    env = {name: os.environ[name] for name in (*server["env"], "PATH")}
    async with Client(StdioServerParameters(command=server["command"], env=env)) as client:
        assert (await client.list_tools()).tools


def test_every_configuration_is_json() -> None:
    """For those that no test starts."""
    blocks = _configurations("integrations/mcp/README.md")
    assert len(blocks) == 3
    for block in blocks:
        assert "quartzdb-mcp" in json.dumps(json.loads(block))


def test_the_table_has_every_tool_with_its_scope() -> None:
    """In the order in which they are listed."""
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\w+) \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [(tool.name, tool.scope) for tool in TOOLS]
    assert [name for name, _ in rows] == [*READING, *WRITING]
    assert f"{ANSWER_CHARACTERS:,} characters" in PAGE.read_text()


def _configurations(page: str) -> list[str]:
    found: list[str] = re.findall(r"```json\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [block for block in found if "quartzdb-mcp" in block]
