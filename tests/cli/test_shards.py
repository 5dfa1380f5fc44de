"""A namespace in shards from the command: created, brought to rest, verified, and exported into another number."""

from __future__ import annotations

from pathlib import Path

from tests.cli.invoke import answer, books, refusal, run, write_jsonl


def test_a_file_is_imported_into_shards_and_into_another_number_of_them(tmp_path: Path) -> None:
    """Which is how a namespace gets another number: it is fixed, so the records go into a new one."""
    answer(
        tmp_path,
        "import",
        write_jsonl(tmp_path / "a.jsonl", books(60)),
        "--namespace",
        "n",
        "--create",
        "--shards",
        "3",
    )
    (held,) = answer(tmp_path, "stats")["namespaces"]
    assert (held["shards"], held["records"]) == (3, 60)
    (done,) = answer(tmp_path, "compact")["namespaces"]
    assert (done["folded_records"], done["segments"], done["tail_rows"]) == (60, 3, 0)
    (held,) = answer(tmp_path, "stats")["namespaces"]
    assert sorted(segment["shard"] for segment in held["segments"]) == [0, 1, 2]
    verified = answer(tmp_path, "verify")
    assert (verified["ok"], verified["segments"], verified["rows"]) == (True, 3, 60)
    exported = tmp_path / "n.jsonl"
    run(tmp_path, "export", "--namespace", "n", "--output", str(exported))
    for name, shards in (("five", "5"), ("one", "1")):
        options = ("--create", "--shards", shards, "--override-header")
        answer(tmp_path, "import", str(exported), "--namespace", name, *options)
    asked = ["query", "--vector", "[1,2,3,4]", "--top-k", "20"]
    found = {
        name: [
            (match["id"], match["score"])
            for match in answer(tmp_path, *asked, "--namespace", name)["matches"]
        ]
        for name in ("n", "five", "one")
    }
    assert len(found["n"]) == 20
    assert found["n"] == found["five"] == found["one"]
    again = tmp_path / "again.jsonl"
    run(tmp_path, "export", "--namespace", "five", "--output", str(again))
    assert again.read_text().splitlines()[1:] == exported.read_text().splitlines()[1:]


def test_another_number_than_there_is_is_refused(tmp_path: Path) -> None:
    """Rather than write into what was not asked for."""
    file = write_jsonl(tmp_path / "a.jsonl", books(4))
    answer(tmp_path, "import", file, "--namespace", "n", "--create", "--shards", "2")
    answer(tmp_path, "import", file, "--namespace", "n", "--create", "--shards", "2")
    assert "2 shards, not 4" in refusal(tmp_path, "import", file, "--namespace", "n", "--shards", "4")
