"""`quartzdb namespaces`: every setting, and a deletion that nobody does by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from quartzdb.replication.ports import Checkpoint, Direction, Feed
from quartzdb.wiring.replication import embedded_replication
from tests.cli.invoke import answer, refusal, run


def test_every_setting_is_kept(tmp_path: Path) -> None:
    """What is given at creation is what list and describe show."""
    settings = ("--metric", "dot", "--precision", "f16", "--engine", "exact", "--shards", "4")
    made = answer(tmp_path, "namespaces", "create", "docs", "--dimension", "3", *settings)
    assert made["created"] is True
    answer(tmp_path, "namespaces", "create", "plain", "--dimension", "2")
    answer(tmp_path, "namespaces", "create", "sessions")
    listed = {one["name"]: one for one in answer(tmp_path, "namespaces", "list")["namespaces"]}
    assert list(listed) == ["docs", "plain", "sessions"]
    expected = {"dimension": 3, "metric": "dot", "engine": "exact", "precision": "f16", "shards": 4}
    assert {name: listed["docs"][name] for name in expected} == expected
    assert (listed["plain"]["metric"], listed["sessions"]["dimension"]) == ("cosine", None)
    described = answer(tmp_path, "namespaces", "describe", "docs")
    assert {name: described[name] for name in expected} == expected
    assert described["records"] == 0
    assert "key-values only" in run(tmp_path, "namespaces", "describe", "sessions").stdout
    assert run(tmp_path, "namespaces", "list").stdout.splitlines()[1].split()[:3] == ["docs", "3", "dot"]


def test_creating_it_again(tmp_path: Path) -> None:
    """With the same settings nothing changes; with others it is a conflict, told by the exit status."""
    answer(tmp_path, "namespaces", "create", "docs", "--dimension", "3")
    assert answer(tmp_path, "namespaces", "create", "docs", "--dimension", "3")["created"] is False
    said = refusal(tmp_path, "namespaces", "create", "docs", "--dimension", "4", exit_code=4)
    assert "exists with other settings" in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["x", "--dimension", "0"], "must be 1 to 4096, not 0."),
        (["x", "--dimension", "2.5"], "must be a whole number, not 2.5."),
        (["x", "--metric", "l2", "--dimension", "2"], "is not one of"),
        (["x", "--metric", "dot"], "--metric is of records"),
    ],
)
def test_wrong_usage_of_create(tmp_path: Path, arguments: list[str], reason: str) -> None:
    """Nothing is made, not even a data directory."""
    assert reason in refusal(tmp_path / "d", "namespaces", "create", *arguments, exit_code=2)
    assert not (tmp_path / "d").exists()


def test_a_name_that_cannot_be_one(tmp_path: Path) -> None:
    """It says what may be."""
    assert "no namespace name" in refusal(tmp_path, "namespaces", "create", "No Name")


def test_deleting_asks_for_the_name(tmp_path: Path) -> None:
    """Anything but the name leaves it; the name, or --yes, deletes it; then its name is free."""
    answer(tmp_path, "namespaces", "create", "docs", "--dimension", "2")
    answer(tmp_path, "records", "put", "a", "--namespace", "docs", "--vector", "[1, 0]")
    for typed in (b"", b"\n", b"y\n", b"dosc\n"):
        ran = run(tmp_path, "namespaces", "delete", "docs", stdin=typed)
        assert (ran.exit_code, ran.stdout) == (1, "")
        assert "1 records and 0 keys" in ran.stderr
    assert answer(tmp_path, "records", "count", "--namespace", "docs")["count"] == 1
    assert run(tmp_path, "namespaces", "delete", "docs", stdin=b"docs\n").exit_code == 0
    answer(tmp_path, "namespaces", "create", "docs", "--dimension", "2")
    assert answer(tmp_path, "records", "count", "--namespace", "docs")["count"] == 0
    assert answer(tmp_path, "namespaces", "delete", "docs", "--yes") == {"name": "docs", "deleted": True}
    assert "There is no namespace 'docs'" in refusal(
        tmp_path, "namespaces", "delete", "docs", "--yes", exit_code=3
    )
    assert "There are none yet" in refusal(tmp_path, "namespaces", "describe", "docs", exit_code=3)


def test_a_shared_namespace_is_not_deleted(tmp_path: Path) -> None:
    """The other site would bring it back, and only the active one can decide a condition."""
    answer(tmp_path, "namespaces", "create", "docs", "--dimension", "2")
    direction = Direction("east", "west", "default", "docs", Feed.RECORDS)
    embedded_replication(tmp_path).checkpoints.write(direction, Checkpoint())
    said = refusal(tmp_path, "namespaces", "delete", "docs", "--yes", exit_code=4)
    assert "is shared with another site" in said
    said = refusal(
        tmp_path, "kv", "put", "k", "--value", "v", "--if-absent", "--namespace", "docs", exit_code=4
    )
    assert "only the active one knows" in said
    assert run(tmp_path, "kv", "put", "k", "--value", "v", "--namespace", "docs").exit_code == 0


def test_what_another_tenant_shares_is_no_obstacle(tmp_path: Path) -> None:
    """A namespace is told from one of the same name by its tenant."""
    answer(tmp_path, "namespaces", "create", "docs", "--dimension", "2")
    direction = Direction("east", "west", "somebody-else", "docs", Feed.RECORDS)
    embedded_replication(tmp_path).checkpoints.write(direction, Checkpoint())
    assert answer(tmp_path, "namespaces", "delete", "docs", "--yes")["deleted"] is True
