"""Importing: formats, bad lines, and going on after an interruption."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from quartzdb.cli.importing.run import Imported, ImportRun
from tests.cli.invoke import answer, books, refusal, run, write_jsonl


def test_jsonl_becomes_searchable(tmp_path: Path) -> None:
    """What was imported is found by the next query, filters included."""
    source = write_jsonl(tmp_path / "books.jsonl", books(30))
    data = tmp_path / "data"
    done = answer(data, "import", source, "--namespace", "books", "--create", "--batch", "7")
    assert (done["written"], done["skipped"], done["resumed_at"]) == (30, 0, 0)
    found = answer(data, "query", "--namespace", "books", "--id", "b3", "--top-k", "1", "--recall", "0.9")
    assert found["matches"][0]["id"] == "b3"
    late = answer(
        data, "query", "--namespace", "books", "--vector", "[1,2,3,4]", "--filter", '{"year": {"$gte": 1928}}'
    )
    assert {match["id"] for match in late["matches"]} == {"b28", "b29"}


def test_without_create_a_missing_namespace_is_an_error(tmp_path: Path) -> None:
    """A typo in the name must not make a namespace."""
    source = write_jsonl(tmp_path / "books.jsonl", books(1))
    run(tmp_path, "keys", "create", "--name", "x")
    assert "--create" in refusal(tmp_path, "import", source, "--namespace", "boks", exit_code=3)
    assert answer(tmp_path, "stats")["namespaces"] == []


def test_gzip_and_base64_vectors(tmp_path: Path) -> None:
    """A .gz file is read as what its inner name says, and a vector may be base64 of little-endian f32."""
    vector = np.array([1, 2, 3], dtype="<f4")
    line = json.dumps({"id": 7, "vector": base64.b64encode(vector.tobytes()).decode()})
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(f"{line}\n\n".encode()))
    answer(tmp_path, "import", tmp_path / "x.jsonl.gz", "--namespace", "n", "--create", "--metric", "dot")
    found = answer(tmp_path, "query", "--namespace", "n", "--id", "7", "--vectors")
    assert found["matches"][0]["vector"] == [1.0, 2.0, 3.0]
    assert answer(tmp_path, "stats", "--namespace", "n")["namespaces"][0]["metric"] == "dot"


@pytest.mark.parametrize(
    "table",
    [
        'id,vector,year,zip,note,ok\na,"[1,2]",1965,01234,,true\n',
        "v1,id,v0,year,zip,note,ok\n2,a,1,1965,01234,,true\n",
        "\ufeffid,vector,year,zip,note,ok\na,AACAPwAAAEA=,1965,01234,,true\n",
    ],
    ids=["json", "columns", "base64"],
)
def test_csv_cells_become_typed_metadata(tmp_path: Path, table: str) -> None:
    """Numbers and booleans are typed, what is no JSON number stays text, an empty cell is no field."""
    (tmp_path / "t.csv").write_text(table, encoding="utf-8")
    answer(tmp_path, "import", tmp_path / "t.csv", "--namespace", "n", "--create")
    (match,) = answer(tmp_path, "query", "--namespace", "n", "--id", "a", "--vectors")["matches"]
    assert match["vector"] == [1.0, 2.0]
    assert match["metadata"] == {"year": 1965, "zip": "01234", "ok": True}


def test_a_csv_column_can_be_kept_as_text(tmp_path: Path) -> None:
    """--text-column is for what only looks like a number."""
    (tmp_path / "t.csv").write_text("isbn,vector\n9780441,[1]\n")
    arguments = ["--namespace", "n", "--create", "--id-column", "isbn", "--text-column", "isbn"]
    answer(tmp_path, "import", tmp_path / "t.csv", *arguments)
    assert answer(tmp_path, "query", "--namespace", "n", "--id", "9780441")["matches"][0]["metadata"] == {}
    said = refusal(tmp_path, "import", tmp_path / "t.csv", "--namespace", "n")
    assert "no column 'id', but 'isbn', 'vector'" in said


def test_a_table_without_vectors_is_searched_by_words(tmp_path: Path) -> None:
    """As a Parquet file without them; a column that only seems to be meant for vectors is asked about."""
    (tmp_path / "t.csv").write_text("id,title,year\na,Red desert,1964\nb,Blue desert,1965\n")
    answer(tmp_path, "import", tmp_path / "t.csv", "--namespace", "n", "--create", "--text", "title")
    found = answer(tmp_path, "query", "--namespace", "n", "--text", "red")["matches"]
    assert [(match["id"], match["metadata"]["year"]) for match in found] == [("a", 1964)]
    assert "--text FIELD" in refusal(tmp_path, "import", tmp_path / "t.csv", "--namespace", "m", "--create")
    answer(tmp_path, "namespaces", "create", "v", "--dimension", "2")
    assert "The vector is missing" in refusal(tmp_path, "import", tmp_path / "t.csv", "--namespace", "v")
    (tmp_path / "e.csv").write_text('id,embedding\na,"[1, 2]"\n')
    said = refusal(tmp_path, "import", tmp_path / "e.csv", "--namespace", "v")
    assert "'embedding' has lists" in said
    assert "--vector-column embedding" in said
    said = refusal(tmp_path, "import", tmp_path / "t.csv", "--namespace", "v", "--vector-column", "vec")
    assert "neither a column 'vec'" in said


def test_a_column_of_a_table_says_when_records_expire(tmp_path: Path) -> None:
    """Unix milliseconds or RFC 3339; what has expired is passed over, and what is no moment is a bad line."""
    later = 4_000_000_000_000
    rows = [f"a,[1],{later}", 'b,[1],"2096-10-02T07:06:40Z"', "c,[1],", "d,[1],1000"]
    (tmp_path / "t.csv").write_text("\n".join(["id,vector,quartzdb_expires_at", *rows, ""]))
    answer(tmp_path, "import", tmp_path / "t.csv", "--namespace", "n", "--create")
    lines = run(tmp_path, "export", "--namespace", "n", "--no-header").stdout.splitlines()
    assert {line["id"]: line.get("expires_at_ms") for line in map(json.loads, lines)} == {
        "a": later,
        "b": later,
        "c": None,
    }
    assert all("quartzdb_expires_at" not in line for line in lines)
    for cell in ("soon", "2096-10-02", "2096-10-02T07:06:40", "1" * 30):
        (tmp_path / "t.csv").write_text(f"id,vector,quartzdb_expires_at\na,[1],{cell}\n")
        said = refusal(tmp_path, "import", tmp_path / "t.csv", "--namespace", "n", "--restart")
        assert f"quartzdb_expires_at: '{cell}' is no moment" in said
        assert "RFC 3339" in said


def test_npy_rows_take_ids_from_a_file_or_from_their_numbers(tmp_path: Path) -> None:
    """One vector a row."""
    np.save(tmp_path / "m.npy", np.eye(3, dtype=np.float64))
    (tmp_path / "ids.txt").write_text("x\ny\nz\n")
    answer(
        tmp_path,
        "import",
        tmp_path / "m.npy",
        "--namespace",
        "named",
        "--create",
        "--ids",
        tmp_path / "ids.txt",
    )
    answer(
        tmp_path, "import", tmp_path / "m.npy", "--namespace", "numbered", "--create", "--id-prefix", "row-"
    )
    for name, ids in (("named", ["x", "y", "z"]), ("numbered", ["row-0", "row-1", "row-2"])):
        exported = run(tmp_path, "export", "--namespace", name, "--no-header").stdout.splitlines()
        assert [json.loads(line)["id"] for line in exported] == ids
    (tmp_path / "ids.txt").write_text("x\ny\n")
    said = refusal(
        tmp_path, "import", tmp_path / "m.npy", "--namespace", "named", "--ids", tmp_path / "ids.txt"
    )
    assert "2 ids for the 3 rows" in said


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"id": "x"}', "The vector is missing"),
        ('{"id": "x", "vector": [1,2,3,4], "metdata": {}}', "'metdata' is no field of a record"),
        ('{"id": "x", "vector": [1, 2]}', "has 2 numbers but the namespace has dimension 4"),
        ('{"id": "x", "vector": [1, "2", 3, 4]}', "vector[1]: The entry at position 1 is not a number"),
        ('{"id": "x", "vector": [0, 0, 0, 0]}', "no direction"),
        ('{"id": "..", "vector": [1, 2, 3, 4]}', "is no record id"),
        ('{"id": "x", "vector": [1, 2, 3, 4], "metadata": [1]}', "metadata"),
    ],
)
def test_an_import_stops_at_a_bad_line_and_goes_on_with_skip_bad(
    tmp_path: Path, line: str, problem: str
) -> None:
    """The error has the line's number and what is wrong; everything before it is written, nothing after it."""
    source = write_jsonl(tmp_path / "books.jsonl", [*books(5), line, *books(9)[5:]])
    said = refusal(tmp_path, "import", source, "--namespace", "n", "--create")
    assert "Line 6: " in said
    assert problem in said
    assert "Everything before it was written (5 in this run)" in said
    assert answer(tmp_path, "stats", "--namespace", "n")["namespaces"][0]["records"] == 5
    done = answer(tmp_path, "import", source, "--namespace", "n", "--skip-bad")
    assert (done["resumed_at"], done["written"], done["skipped"]) == (5, 4, 1)
    assert problem in done["bad_lines"][0]
    assert answer(tmp_path, "stats", "--namespace", "n")["namespaces"][0]["records"] == 9


def test_an_id_that_comes_twice_keeps_its_last_line(tmp_path: Path) -> None:
    """As if the lines had been written one after the other, whatever the batches."""
    lines = [{"id": "a", "vector": [1.0, 0.0], "metadata": {"n": n}} for n in range(3)]
    answer(tmp_path, "import", write_jsonl(tmp_path / "x.jsonl", lines), "--namespace", "n", "--create")
    assert answer(tmp_path, "query", "--namespace", "n", "--id", "a")["matches"][0]["metadata"] == {"n": 2}


def test_a_finished_import_leaves_no_checkpoint(tmp_path: Path) -> None:
    """The same import given again starts from the beginning, and changes nothing."""
    source = write_jsonl(tmp_path / "books.jsonl", books(5))
    answer(tmp_path, "import", source, "--namespace", "n", "--create")
    assert list((tmp_path / "imports").iterdir()) == []
    assert answer(tmp_path, "import", source, "--namespace", "n")["written"] == 5
    assert answer(tmp_path, "stats", "--namespace", "n")["namespaces"][0]["records"] == 5


def test_a_checkpoint_is_of_one_file_as_it_was(tmp_path: Path) -> None:
    """Another namespace or --restart begins anew; a changed file is not gone on with."""
    source = write_jsonl(tmp_path / "books.jsonl", [*books(5), "{", *books(9)[5:]])
    refusal(tmp_path, "import", source, "--namespace", "n", "--create")
    refusal(tmp_path, "import", source, "--namespace", "other", "--create")
    resumed = answer(tmp_path, "import", source, "--namespace", "other", "--skip-bad", "--no-resume")
    assert (resumed["resumed_at"], resumed["written"]) == (0, 9)
    write_jsonl(source, books(9))
    said = refusal(tmp_path, "import", source, "--namespace", "n", exit_code=4)
    assert f"{source} has changed since the import of it that stopped after 5" in said
    assert "--restart" in said
    assert answer(tmp_path, "records", "count", "--namespace", "n")["count"] == 5, "nothing was written"
    mended = answer(tmp_path, "import", source, "--namespace", "n", "--restart")
    assert (mended["resumed_at"], mended["written"]) == (0, 9)


def test_a_touch_is_a_change(tmp_path: Path) -> None:
    """Nobody can tell whether all of the content is what it was."""
    source = write_jsonl(tmp_path / "books.jsonl", [*books(5), "{"])
    refusal(tmp_path, "import", source, "--namespace", "n", "--create")
    os.utime(source, ns=(1, 1))
    assert "has changed" in refusal(tmp_path, "import", source, "--namespace", "n", exit_code=4)


def test_a_file_that_changes_while_it_is_imported_is_noticed(tmp_path: Path) -> None:
    """At its end: what was written may be of what it was or of what it is."""
    source = write_jsonl(tmp_path / "books.jsonl", books(5))
    run_of = ImportRun.run

    def changed(run: ImportRun, report: Callable[[int], None]) -> Imported:
        done = run_of(run, report)
        write_jsonl(source, books(6))
        return done

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(ImportRun, "run", changed)
        said = refusal(tmp_path, "import", source, "--namespace", "n", "--create", exit_code=4)
    assert "books.jsonl was changed while it was imported; 5 records were written" in said
    assert answer(tmp_path, "import", source, "--namespace", "n")["written"] == 6


def test_a_killed_import_goes_on_where_it_was(tmp_path: Path) -> None:
    """After kill -9 the same command writes the rest, and in the end every record is there once."""
    rows = 4_000
    np.save(tmp_path / "m.npy", np.random.default_rng(1).standard_normal((rows, 16)).astype(np.float32))
    data = tmp_path / "data"
    command = ["import", str(tmp_path / "m.npy"), "--namespace", "n", "--create", "--batch", "20"]
    process = subprocess.Popen(
        [sys.executable, "-m", "quartzdb.cli", *command, "--data-dir", str(data)], stderr=subprocess.DEVNULL
    )
    while not list(data.glob("imports/*.json")) and process.poll() is None:
        time.sleep(0.005)  # until the first batch is acknowledged: the condition is awaited
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the import was over before it could be killed"
    done = answer(data, *command)
    assert done["resumed_at"] > 0
    assert done["resumed_at"] + done["written"] == rows
    assert answer(data, "stats", "--namespace", "n")["namespaces"][0]["records"] == rows


def test_a_broken_gzip_file_keeps_what_could_be_read(tmp_path: Path) -> None:
    """A download that was cut short is told, and everything before the cut is written."""
    whole = gzip.compress("".join(json.dumps(book) + "\n" for book in books(2_000)).encode())
    (tmp_path / "x.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    said = refusal(tmp_path, "import", tmp_path / "x.jsonl.gz", "--namespace", "n", "--create")
    assert "cannot be read further" in said
    assert 0 < answer(tmp_path, "stats", "--namespace", "n")["namespaces"][0]["records"] < 2_000
