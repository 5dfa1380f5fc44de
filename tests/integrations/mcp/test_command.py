"""The command: what it wants, what it says, and the database in a directory."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import anyio
import httpx2
import pytest
from click.testing import CliRunner
from mcp import Client, StdioServerParameters

from quartzdb_mcp.command import mcp
from quartzdb_mcp.names import READING
from tests.integrations.mcp.conftest import environment

ROOT = Path(__file__).parents[3]
# The database is in another environment, beside which this one's packages come first.
WITH_DATABASE = (
    "import site, sys, sysconfig; "
    "site.addsitedir(sys.argv.pop(1)); "
    "from importlib import import_module; "
    "import_module(sys.argv.pop(1)).main()"
)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "--url"),
        (["--url", "http://127.0.0.1:1"], "QUARTZDB_API_KEY"),
        (["--url", "127.0.0.1:1", "--api-key-file", "{key}"], "http://"),
        (["--url", "http://me:secret@127.0.0.1:1", "--api-key-file", "{key}"], "no user or password"),
        (["--url", "http://127.0.0.1:1", "--api-key-file", "{empty}"], "is empty"),
        (["--url", "http://127.0.0.1:1", "--data", "d"], "--data"),
        (["--data", "d", "--tools", "upsert"], "--write"),
        (["--data", "d", "--tools", "find"], "There are: search,"),
        (["--data", "d", "--tools", ","], "No tool is named"),
        (["--data", "d", "--http", "8931"], "127.0.0.1:8931"),
        (["--data", "d", "--http", "0.0.0.0:1", "--allowed-host", "a"], "QUARTZDB_MCP_TOKEN"),
        (["--data", "d", "--token-file", "{key}"], "--http"),
        (["--data", "d", "--answer-characters", "10"], "2000"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_opened(
    options: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do. No secret is shown."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("qdb_live_secret\n")
    (tmp_path / "empty").write_text("\n")
    paths = {"key": str(tmp_path / "key"), "empty": str(tmp_path / "empty")}
    given = [option.format(**paths) if option.startswith("{") else option for option in options]
    runner = CliRunner(env={"QUARTZDB_URL": "", "QUARTZDB_API_KEY": "", "QUARTZDB_MCP_TOKEN": ""})
    result = runner.invoke(mcp, given)
    assert not Path("d").exists()
    assert result.exit_code == 2
    assert says in result.stderr
    assert "secret" not in result.stderr


def test_a_port_that_is_taken_is_said(endpoint: str) -> None:
    """With the address."""
    url = httpx2.URL(endpoint)
    result = CliRunner(env=environment()).invoke(mcp, ["--http", f"{url.host}:{url.port}"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "in use" in result.stderr


def test_it_listens_until_it_is_told_to_stop() -> None:
    """What it says goes to stderr, and the exit status is good."""
    command = [sys.executable, "-m", "quartzdb_mcp", "--http", "127.0.0.1:0"]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        try:
            assert said.startswith("Listening at http://127.0.0.1:")
            names = anyio.run(_tools, said.removeprefix("Listening at ").strip())
            assert names == list(READING)
        finally:
            process.send_signal(signal.SIGINT)
            printed, errors = process.communicate(timeout=30)
    assert (process.returncode, printed, errors) == (0, "", "")


def test_help_loads_nothing_that_takes_long() -> None:
    """`quartzdb --help` loads this command."""
    code = (
        "import sys, quartzdb_mcp.command; print({'mcp', 'pydantic', 'httpx2', 'uvicorn'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


async def _tools(url: str) -> list[str]:
    async with Client(url) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


def _with_database(module: str, *arguments: str) -> list[str]:
    [packages] = ROOT.glob(".venv/lib/python3*/site-packages")
    return [sys.executable, "-c", WITH_DATABASE, str(packages), module, *arguments]


async def test_a_directory_needs_no_server(tmp_path: Path) -> None:
    """It is made, and its files are for this account."""
    command = _with_database("quartzdb_mcp.command", "--data", str(tmp_path / "data"), "--write")
    server = StdioServerParameters(
        command=command[0], args=command[1:], env={"QUARTZDB_URL": "http://no.invalid"}
    )
    async with Client(server) as client:
        listed = await client.call_tool("list_namespaces", {})
        assert listed.structured_content["namespaces"] == []
        missing = await client.call_tool("put_value", {"namespace": "n", "key": "k", "value": "v"})
        assert missing.meta["quartzdb/error"]["code"] == "namespace_not_found"
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_it_is_a_command_of_the_database_too() -> None:
    """`quartzdb mcp`, where both are installed."""
    ran = subprocess.run(
        _with_database("quartzdb.cli.main", "mcp", "--help"), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "Usage: quartzdb mcp" in ran.stdout
