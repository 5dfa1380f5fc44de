"""Help teaches, and errors say what to do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from quartzdb.cli.main import cli
from tests.cli.invoke import refusal, run

COMMANDS = [
    "serve",
    "demo",
    "keys",
    "namespaces",
    "records",
    "kv",
    "query",
    "import",
    "export",
    "stats",
    "compact",
    "verify",
    "restore",
]


def _commands(group: click.Group, name: str = "") -> Iterator[str]:
    """Every command, and every one of a group."""
    for part, command in group.commands.items():
        yield f"{name}{part}"
        if isinstance(command, click.Group):
            yield from _commands(command, f"{name}{part} ")


@pytest.mark.parametrize("command", list(_commands(cli)))
def test_help_of_each_command_has_an_example(command: str) -> None:
    """Every --help shows a command line that one may copy."""
    result = CliRunner().invoke(cli, [*command.split(), "--help"], prog_name="quartzdb")
    assert result.exit_code == 0
    if "Commands:" not in result.stdout:
        assert f"quartzdb {command}" in result.stdout.partition("Example")[2]


def test_help_lists_every_command() -> None:
    """`quartzdb --help` names them all, in the order of a first acquaintance."""
    listed = CliRunner().invoke(cli, ["--help"]).stdout.partition("Commands:")[2]
    places = [listed.index(f"\n  {command} ") for command in COMMANDS]
    assert places == sorted(places)


def test_help_does_not_wait_for_the_engine() -> None:
    """numpy, faiss and the server are imported by the commands that need them, not by the command line."""
    heavy = ("numpy", "faiss", "uvicorn", "rich")
    script = f"import sys, quartzdb.cli.main; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_missing_data_directory_is_not_created(tmp_path: Path) -> None:
    """A mistyped --data-dir is an error, not an empty database."""
    for command in (
        ["stats"],
        ["verify"],
        ["compact"],
        ["keys", "list"],
        ["query", "--namespace", "n", "--id", "a"],
    ):
        said = refusal(tmp_path / "typo", *command)
        assert said.startswith("error: There is no database in ")
        assert "\nhint: " in said
    assert not (tmp_path / "typo").exists()


def test_what_the_database_refuses_is_told_without_a_traceback(tmp_path: Path) -> None:
    """A QuartzError is one message, the field, and the hint; before it, what was tried is an audit line."""
    said = refusal(tmp_path, "keys", "create", "--name", "x", "--scopes", "read,fly")
    audited, message = said.split("\n", 1)
    assert audited.startswith('{"event": "audit"')
    assert message == "error: 'fly' is no scope. (field: scopes)\nhint: Use read, write and admin.\n"


def test_wrong_usage_exits_with_2(tmp_path: Path) -> None:
    """Unknown options, values out of range and contradictions are usage errors."""
    assert "No such option" in refusal(tmp_path, "stats", "--nope", exit_code=2)
    assert "exactly one of" in refusal(tmp_path, "query", "--namespace", "n", exit_code=2)
    asked = ("query", "--namespace", "n", "--id", "a", "--recall", "0.4")
    assert "must be 0.5 to 1, not " in refusal(tmp_path, *asked, exit_code=2)
    assert "is no duration" in refusal(
        tmp_path, "keys", "create", "--name", "x", "--expires-in", "soon", exit_code=2
    )


def test_an_unknown_namespace_names_those_that_there_are(tmp_path: Path) -> None:
    """The hint has the names."""
    run(tmp_path, "keys", "create", "--name", "x")
    assert "There are none yet." in refusal(tmp_path, "stats", "--namespace", "docs", exit_code=3)


def test_a_command_of_a_package_that_is_not_installed_says_which() -> None:
    """Others are no commands."""
    for name, says in (("mcp", "pip install quartzdb-mcp"), ("mcq", "No such command 'mcq'")):
        result = CliRunner().invoke(cli, [name, "--data", "d"])
        assert result.exit_code == 2
        assert says in result.stderr
