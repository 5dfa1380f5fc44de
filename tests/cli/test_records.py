"""`quartzdb records`: single records by id."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.invoke import answer, books, refusal, run, write_jsonl


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A database with b0 to b29 in the namespace n."""
    source = write_jsonl(tmp_path / "books.jsonl", books(30))
    answer(tmp_path / "data", "import", source, "--namespace", "n", "--create")
    return tmp_path / "data"


def test_put_get_patch_delete(data: Path, tmp_path: Path) -> None:
    """What is put is got, bit for bit; a patch keeps the vector; what is deleted is gone."""
    vector = np.array([1 / 3, -2, 1e-7, 3e5], np.float32)
    np.save(tmp_path / "v.npy", vector)
    put = answer(
        data, "records", "put", "x", "--namespace", "n", "--vector-file", tmp_path / "v.npy",
        "--metadata", '{"a": {"b": [1]}, "n": 1}',
    )  # fmt: skip
    got = answer(data, "records", "get", "x", "--vectors", "--namespace", "n")["records"][0]
    assert np.array_equal(np.array(got["vector"], np.float32), vector)
    assert (got["version"], got["metadata"]) == (put["version"], {"a": {"b": [1]}, "n": 1})
    answer(data, "records", "patch", "x", "--namespace", "n", "--set", '{"n": 2}', "--unset", "a")
    got = answer(data, "records", "get", "x", "--vectors", "--namespace", "n")["records"][0]
    assert np.array_equal(np.array(got["vector"], np.float32), vector)
    assert got["metadata"] == {"n": 2}
    assert answer(data, "records", "delete", "x", "none", "--namespace", "n") == {"deleted": 1}
    refusal(data, "records", "get", "x", "--namespace", "n", exit_code=3)


def test_records_that_expire(data: Path) -> None:
    """--ttl says when, on both commands, --keep takes it back, and get shows it."""

    def moment() -> int | None:
        found = answer(data, "records", "get", "x", "--namespace", "n")["records"][0]
        shown: int | None = found.get("expires_at_ms")
        return shown

    answer(data, "records", "put", "x", "--namespace", "n", "--vector", "[1, 0, 0, 0]", "--ttl", "12h")
    first = moment()
    assert first is not None
    answer(data, "records", "patch", "x", "--namespace", "n", "--set", '{"n": 2}')
    assert moment() == first
    answer(data, "records", "patch", "x", "--namespace", "n", "--ttl", "30d")
    assert (moment() or 0) > first + 1_000_000
    answer(data, "records", "patch", "x", "--namespace", "n", "--keep")
    assert moment() is None
    refusal(data, "records", "patch", "x", "--namespace", "n", "--keep", "--ttl", "1h", exit_code=2)
    said = refusal(data, "records", "patch", "x", "--namespace", "n", "--ttl", "600w")
    assert "time to live" in said


def test_get_says_what_is_missing(data: Path) -> None:
    """Those that are there are printed, in the order asked for; the status is that of what is not there."""
    ran = run(data, "records", "get", "b2", "none", "b1", "--namespace", "n")
    assert ran.exit_code == 3
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == ["b2", "b1"]
    assert "There is no record 'none'" in ran.stderr
    ran = run(data, "records", "get", "none", "--namespace", "n", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)) == (3, {"records": [], "missing": ["none"]})


def test_listing_and_counting(data: Path) -> None:
    """Pages go on by cursor; --all follows them; a prefix and a filter narrow."""
    first = answer(data, "records", "list", "--namespace", "n", "--limit", "20")
    rest = answer(data, "records", "list", "--namespace", "n", "--limit", "20", "--cursor", first["cursor"])
    everything = sorted(f"b{number}" for number in range(30))
    assert [*first["ids"], *rest["ids"]] == everything
    assert rest["cursor"] is None
    ran = run(data, "records", "list", "--namespace", "n", "--limit", "2", "--all")
    assert ran.stdout.split() == everything
    ran = run(data, "records", "list", "--namespace", "n", "--limit", "2")
    assert (ran.stdout.split(), "There are more" in ran.stderr) == (everything[:2], True)
    assert answer(data, "records", "list", "--namespace", "n", "--prefix", "b2")["ids"][0] == "b2"
    assert run(data, "records", "count", "--namespace", "n").stdout == "30\n"
    few = ("--filter", '{"year": {"$lt": 1910}}')
    assert answer(data, "records", "count", "--namespace", "n", *few) == {"count": 10}


def test_deleting_by_filter_asks(data: Path) -> None:
    """How many, of how many; --yes does not ask."""
    few = ("records", "delete", "--namespace", "n", "--filter", '{"year": {"$lt": 1910}}')
    ran = run(data, *few, stdin=b"n\n")
    assert (ran.exit_code, "Delete 10 of the 30 records of n?" in ran.stderr) == (1, True)
    assert answer(data, "records", "count", "--namespace", "n")["count"] == 30
    assert answer(data, *few, "--yes") == {"deleted": 10}
    assert answer(data, *few) == {"deleted": 0}


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["put", "x", "--vector", "[1"], 2, "--vector is not JSON: "),
        (["put", "x", "--vector", "{}"], 1, "not an object"),
        (["put", "x", "--vector", "[1, 2]"], 1, "The vector has 2 numbers but the namespace has dimension 4"),
        (["put", "x\ny", "--vector", "[1, 2, 3, 4]"], 1, "is no record id"),
        (["put", "x"], 1, "The vector is missing"),
        (["put", "x", "--vector", "[1]", "--vector-file", "/dev/null"], 2, "--vector or --vector-file, not both"),
        (["put", "x", "--vector", "[1, 2, 3, 4]", "--metadata", "[]"], 2, "must be a JSON object, not an array"),
        (["put", "x", "--vector-file", "none.json"], 2, "does not exist"),
        (["patch", "none", "--set", '{"n": 1}'], 3, "none"),
        (["patch", "b1"], 2, "--set, --unset, --ttl or --keep"),
        (["delete"], 2, "either ids or --filter"),
        (["delete", "b1", "--filter", "{}"], 2, "either ids or --filter"),
        (["count", "--filter", '{"a": {"$near": 1}}'], 1, "$near"),
        (["list", "--cursor", "nonsense"], 1, "cursor"),
    ],
)  # fmt: skip
def test_wrong_input(data: Path, arguments: list[str], status: int, reason: str) -> None:
    """One message that names it, and nothing is changed."""
    assert reason in refusal(data, "records", *arguments, "--namespace", "n", exit_code=status)
    assert answer(data, "records", "count", "--namespace", "n")["count"] == 30
