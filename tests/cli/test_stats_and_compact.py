"""What a database holds, and bringing it to rest."""

from __future__ import annotations

import gc
from pathlib import Path

from quartzdb.domain.namespace import EngineChoice, NamespaceSettings
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from quartzdb.wiring.settings import DEFAULT_TENANT
from tests.cli.invoke import answer, books, run, write_jsonl


def test_compaction_leaves_one_segment_and_no_tail(tmp_path: Path) -> None:
    """Everything written is folded, replaced rows are gone, and the answers stay the same."""
    first = write_jsonl(tmp_path / "a.jsonl", books(40))
    again = write_jsonl(tmp_path / "b.jsonl", books(10))
    answer(tmp_path, "import", first, "--namespace", "n", "--create")
    before = answer(tmp_path, "query", "--namespace", "n", "--vector", "[1,2,3,4]")["matches"]
    (done,) = answer(tmp_path, "compact")["namespaces"]
    assert (done["folded_records"], done["segments"], done["tail_rows"]) == (40, 1, 0)
    answer(tmp_path, "import", again, "--namespace", "n")
    (held,) = answer(tmp_path, "stats")["namespaces"]
    assert (held["records"], held["tail_rows"], held["deleted_rows"]) == (40, 10, 10)
    (done,) = answer(tmp_path, "compact", "--namespace", "n")["namespaces"]
    assert (done["merged_segments"], done["segments"], done["records"]) == (2, 1, 40)
    (held,) = answer(tmp_path, "stats")["namespaces"]
    assert (held["tail_rows"], held["deleted_rows"]) == (0, 0)
    after = answer(tmp_path, "query", "--namespace", "n", "--vector", "[1,2,3,4]")["matches"]
    assert [(match["id"], match["score"]) for match in after] == [
        (match["id"], match["score"]) for match in before
    ]


def test_compacting_a_database_at_rest_changes_nothing(tmp_path: Path) -> None:
    """There is nothing to fold and nothing to merge."""
    answer(tmp_path, "import", write_jsonl(tmp_path / "a.jsonl", books(4)), "--namespace", "n", "--create")
    (first,) = answer(tmp_path, "compact")["namespaces"]
    (again,) = answer(tmp_path, "compact")["namespaces"]
    assert (first["folded_records"], first["segments"]) == (4, 1)
    assert (again["folded_records"], again["merged_segments"], again["segments"]) == (0, 0, 1)


def test_the_default_engine_is_for_namespaces_that_name_none(tmp_path: Path) -> None:
    """A segment built for one has it; a namespace with an engine of its own keeps that."""
    data = write_jsonl(tmp_path / "a.jsonl", books(4))
    answer(tmp_path, "import", data, "--namespace", "any", "--create")
    database = open_embedded(EmbeddedSettings(tmp_path))
    database.namespaces.create(DEFAULT_TENANT, "own", NamespaceSettings(4, engine=EngineChoice.EXACT))
    answer(tmp_path, "import", data, "--namespace", "own")
    answer(tmp_path, "compact", "--default-engine", "annoy")
    held = answer(tmp_path, "stats")["namespaces"]
    assert {one["name"]: [s["engine"] for s in one["segments"]] for one in held} == {
        "any": ["annoy"],
        "own": ["exact"],
    }


def test_tables_are_plain_text_where_nobody_watches(tmp_path: Path) -> None:
    """Without a terminal a table has no boxes and no colours: one row a line, readable by awk."""
    answer(tmp_path, "import", write_jsonl(tmp_path / "a.jsonl", books(4)), "--namespace", "n", "--create")
    header, row = run(tmp_path, "stats").stdout.splitlines()
    assert header.split()[:4] == ["namespace", "dimension", "metric", "records"]
    assert row.split()[:4] == ["n", "4", "cosine", "4"]
    assert "\x1b" not in run(tmp_path, "stats", "--namespace", "n").stdout


def test_reclaiming_leaves_one_copy_of_everything(tmp_path: Path) -> None:
    """After a large import: neither the log nor the segments that were merged take room any more."""

    def size() -> int:
        gc.collect()  # a process that ends closes its files, and their journals go
        return sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())

    wide = [{"id": f"r{row}", "vector": [float(row + at) for at in range(1, 401)]} for row in range(5_000)]
    answer(tmp_path, "import", write_jsonl(tmp_path / "a.jsonl", wide), "--namespace", "n", "--create")
    (tmp_path / "a.jsonl").unlink()
    answer(tmp_path, "compact")
    assert size() > 2 * 5_000 * 1_600
    (done,) = answer(tmp_path, "compact", "--reclaim")["namespaces"]
    assert (done["records"], done["segments"]) == (5_000, 1)
    assert size() < 2 * 5_000 * 1_600
    assert answer(tmp_path, "query", "--namespace", "n", "--id", "r7")["matches"][0]["id"] == "r7"


def test_reclaiming_leaves_nothing_of_deleted_records(tmp_path: Path) -> None:
    """Neither ids nor metadata, in no file: segments, the log, free pages and write-ahead logs of SQLite."""
    marker = "m4rk3r-0f-s0mebody"
    text = f"{marker} " * 1_000
    rows = [{"id": f"{marker}-{n}", "vector": [n + 1.0, 0.0], "metadata": {"text": text}} for n in range(3)]
    rows += [{"id": f"kept{n}", "vector": [1.0, n + 1.0]} for n in range(50)]

    def with_marker() -> set[str]:
        gc.collect()
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {path.name for path in files if marker.encode() in path.read_bytes()}

    answer(tmp_path, "import", write_jsonl(tmp_path / "a.jsonl", rows), "--namespace", "n", "--create")
    (tmp_path / "a.jsonl").unlink()
    answer(tmp_path, "compact")
    assert with_marker() >= {"records.sqlite", "log.db"}
    answer(tmp_path, "records", "delete", *(f"{marker}-{n}" for n in range(3)), "--namespace", "n")
    answer(tmp_path, "compact", "--reclaim")
    assert with_marker() == set()
    assert answer(tmp_path, "records", "count", "--namespace", "n")["count"] == 50


def test_reclaiming_goes_through_every_shard(tmp_path: Path) -> None:
    """None keeps what was merged, nor its log."""
    first, second = (write_jsonl(tmp_path / f"{part}.jsonl", books(40)) for part in "ab")
    answer(tmp_path, "import", first, "--namespace", "n", "--create", "--shards", "3")
    answer(tmp_path, "compact")
    answer(tmp_path, "import", second, "--namespace", "n")
    answer(tmp_path, "compact")
    assert len(list(tmp_path.rglob("segments/*/vectors"))) > 3
    (done,) = answer(tmp_path, "compact", "--reclaim")["namespaces"]
    assert (done["records"], done["segments"]) == (40, 3)
    assert len(list(tmp_path.rglob("segments/*/vectors"))) == 3
    assert answer(tmp_path, "verify")["log_entries"] == 0
