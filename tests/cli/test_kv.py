"""`quartzdb kv`: bytes in, the same bytes out."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from quartzdb.domain.limits import VALUE_BYTES_MAX
from tests.cli.invoke import answer, refusal, run

ODD = bytes(range(256)) + b"\r\n\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A database with an empty namespace n."""
    answer(tmp_path / "data", "namespaces", "create", "n")
    return tmp_path / "data"


def test_any_bytes_come_back(data: Path, tmp_path: Path) -> None:
    """From stdin, a file or an option, to stdout, a file or JSON; nothing is added."""
    assert answer(data, "kv", "put", "k", "--namespace", "n", stdin=ODD)["bytes"] == len(ODD)
    assert run(data, "kv", "get", "k", "--namespace", "n").stdout_bytes == ODD
    (tmp_path / "in").write_bytes(ODD * 2)
    answer(
        data, "kv", "put", "f", "--namespace", "n", "--file", tmp_path / "in", "--content-type", "image/png"
    )
    run(data, "kv", "get", "f", "--namespace", "n", "--output", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == ODD * 2
    got = answer(data, "kv", "get", "f", "--namespace", "n")
    assert (base64.b64decode(got["value"]), got["content_type"]) == (ODD * 2, "image/png")
    answer(data, "kv", "put", "t", "--namespace", "n", "--value", "grüß")
    got = answer(data, "kv", "get", "t", "--namespace", "n")
    assert (base64.b64decode(got["value"]).decode(), got["content_type"]) == (
        "grüß",
        "text/plain; charset=utf-8",
    )
    answer(data, "kv", "put", "empty", "--namespace", "n", stdin=b"")
    assert run(data, "kv", "get", "empty", "--namespace", "n").stdout_bytes == b""


def test_conditions(data: Path) -> None:
    """--if-absent and --if-match change nothing where they do not hold, and the status says that it was they."""
    put = ("kv", "put", "k", "--namespace", "n", "--value")
    first = answer(data, *put, "1", "--if-absent")["version"]
    assert "must not exist" in refusal(data, *put, "2", "--if-absent", exit_code=4)
    second = answer(data, *put, "2", "--if-match", first)["version"]
    assert "must be at version" in refusal(data, *put, "3", "--if-match", first, exit_code=4)
    delete = ("kv", "delete", "k", "--namespace", "n")
    assert "must be at version" in refusal(data, *delete, "--if-match", first, exit_code=4)
    assert run(data, "kv", "get", "k", "--namespace", "n").stdout == "2"
    assert answer(data, *delete, "--if-match", f'"{second}"')["deleted"] is True
    assert answer(data, *delete)["deleted"] is False
    assert "There is no key 'k'" in refusal(data, "kv", "get", "k", "--namespace", "n", exit_code=3)


def test_expiry_and_listing(data: Path) -> None:
    """A time to live is a duration; listings are in order, by prefix, in pages or whole."""
    for number in range(25):
        answer(data, "kv", "put", f"a/{number:02}", "--namespace", "n", "--value", "v", "--ttl", "12h")
    answer(data, "kv", "put", "b", "--namespace", "n", "--value", "v")
    page = answer(data, "kv", "list", "--namespace", "n", "--prefix", "a/", "--limit", "20")
    assert [item["key"] for item in page["items"]] == [f"a/{number:02}" for number in range(20)]
    assert all(item["expires_at_ms"] > 0 for item in page["items"])
    rest = answer(data, "kv", "list", "--namespace", "n", "--prefix", "a/", "--cursor", page["cursor"])
    assert (len(rest["items"]), rest["cursor"]) == (5, None)
    everything = answer(data, "kv", "list", "--namespace", "n", "--limit", "3", "--all")
    assert (len(everything["items"]), everything["items"][-1]["expires_at_ms"]) == (26, None)
    shown = run(data, "kv", "list", "--namespace", "n", "--limit", "1")
    assert (shown.stdout.splitlines()[1].split()[0], "There are more" in shown.stderr) == ("a/00", True)


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["put", "k", "--value", "v", "--ttl", "soon"], 2, "is no duration"),
        (["put", "k", "--value", "v", "--if-match", "7"], 1, "version token"),
        (["put", "k", "--value", "v", "--if-match", "x", "--if-absent"], 2, "either --if-match or --if-absent"),
        (["put", "k", "--value", "v", "--file", __file__], 2, "either --value or --file"),
        (["put", "k", "--value", "v", "--content-type", "a\nb"], 1, "printable ASCII"),
        (["put", "", "--value", "v"], 1, "1 to"),
        (["put", "k" * 5_000, "--value", "v"], 1, "1 to"),
        (["get", "k", "--output", "x", "--json"], 2, "either --output or --json"),
    ],
)  # fmt: skip
def test_wrong_input(data: Path, arguments: list[str], status: int, reason: str) -> None:
    """One message that names it, and nothing is stored."""
    assert reason in refusal(data, "kv", *arguments, "--namespace", "n", exit_code=status)
    assert answer(data, "kv", "list", "--namespace", "n")["items"] == []


def test_a_value_that_is_too_large(data: Path) -> None:
    """It is refused without being read to its end, and nothing of it is stored."""
    ran = run(data, "kv", "put", "k", "--namespace", "n", stdin=b"x" * (VALUE_BYTES_MAX + 2))
    assert (ran.exit_code, "at most" in ran.stderr) == (1, True)
    missing = run(data, "kv", "get", "k", "--namespace", "n", "--json")
    assert (missing.exit_code, missing.stdout) == (3, "")
    answer(data, "kv", "put", "k", "--namespace", "n", stdin=b"x" * VALUE_BYTES_MAX)


def test_output_appears_whole_or_not_at_all(data: Path, tmp_path: Path) -> None:
    """A missing key leaves a file of that name as it was."""
    (tmp_path / "out").write_text("before")
    refusal(data, "kv", "get", "none", "--namespace", "n", "--output", tmp_path / "out", exit_code=3)
    assert (tmp_path / "out").read_text() == "before"
    listed = json.loads(run(data, "kv", "list", "--namespace", "n", "--json").stdout)
    assert listed == {"items": [], "cursor": None}
