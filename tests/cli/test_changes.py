"""`quartzdb changes`: a line for each change, and a cursor to go on with."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.invoke import answer, refusal, run


def test_it_goes_on_from_its_cursor(tmp_path: Path) -> None:
    """Of records, and of key-values with their history; what is no cursor is refused."""
    data = tmp_path / "data"
    answer(data, "namespaces", "create", "n", "--dimension", "2", "--key-history")
    begun = run(data, "changes", "n")
    assert (begun.exit_code, begun.stdout) == (0, "")
    cursor = begun.stderr.split()[-1]
    answer(data, "records", "put", "a", "--namespace", "n", "--vector", "[1, 2]")
    answer(data, "records", "delete", "a", "--namespace", "n")
    for value in ("1", "2"):
        answer(data, "kv", "put", "k", "--namespace", "n", "--value", value)
    told = run(data, "changes", "n", "--cursor", cursor)
    assert [line.split()[1:3] for line in told.stdout.splitlines()] == [["upsert", "a"], ["delete", "a"]]
    assert run(data, "changes", "n", "--cursor", told.stderr.split()[-1]).stdout == ""
    keys = run(data, "changes", "n", "--keys", "--from", "beginning", "--json")
    *lines, last = map(json.loads, keys.stdout.splitlines())
    assert [(one["kind"], one["id"]) for one in lines] == [("put", "k"), ("put", "k")]
    assert run(data, "changes", "n", "--keys", "--cursor", last["cursor"]).stdout == ""
    assert "cursor" in refusal(data, "changes", "n", "--cursor", "x")
