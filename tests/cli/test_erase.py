"""`quartzdb erase` and `quartzdb erasures`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.invoke import answer, refusal, run, write_jsonl


def test_erasures_are_begun_and_listed(tmp_path: Path) -> None:
    """Deleted at once; the list says what is not gone yet."""
    source = write_jsonl(
        tmp_path / "n.jsonl", [{"id": f"r{n}", "vector": [1.0, 2.0], "metadata": {"n": n}} for n in range(4)]
    )
    data = tmp_path / "data"
    answer(data, "import", source, "--namespace", "n", "--create")
    by_id = answer(data, "erase", "r0", "none", "--namespace", "n")
    assert by_id["deleted"] == 1
    assert (
        answer(data, "erase", "--filter", json.dumps({"n": {"$gte": 2}}), "--namespace", "n")["deleted"] == 2
    )
    assert answer(data, "erase", "--key", "k", "--namespace", "n")["deleted"] == 0
    listed = answer(data, "erasures", "--namespace", "n")["erasures"]
    (first,) = [one for one in listed if one["id"] == by_id["erasures"][0]]
    assert (first["deleted"], first["gone"]) == (1, [])
    assert first["pending"] == ["segments", "log", "files", "idempotent_answers"]
    assert len(listed) == 3
    assert answer(data, "records", "list", "--namespace", "n")["ids"] == ["r1"]
    assert "segments, log, files" in run(data, "erasures", "--namespace", "n").stdout


def test_what_to_erase_is_given_in_one_way(tmp_path: Path) -> None:
    """Ids, keys or a filter; never none, which would look like all."""
    told = refusal(tmp_path / "data", "erase", "--namespace", "n", exit_code=2)
    assert "either ids, --key or --filter" in told
