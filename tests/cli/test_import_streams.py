"""Importing what can be read only once: standard input, pipes, process substitution."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.invoke import answer, books, refusal, run

LINES = "".join(json.dumps(book) + "\n" for book in books(5)).encode()
TABLE = b"id,v0,v1,year\na,1,0,1965\nb,0,1,1815\n"


def _records(data: Path, namespace: str = "n") -> int:
    return int(answer(data, "records", "count", "--namespace", namespace)["count"])


def _shell(command: str) -> subprocess.CompletedProcess[str]:
    quartzdb = f"{sys.executable} -m quartzdb.cli"
    return subprocess.run(
        ["bash", "-c", command.replace("quartzdb", quartzdb, 1)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("create", [True, False], ids=["create", "there"])
@pytest.mark.parametrize("content", [LINES, gzip.compress(LINES)], ids=["plain", "gzip"])
def test_standard_input_is_written(tmp_path: Path, content: bytes, create: bool) -> None:
    """`-` is JSON lines unless told otherwise, compressed or not; the line that tells the dimension is written, too."""
    if not create:
        answer(tmp_path, "namespaces", "create", "n", "--dimension", "4")
    done = answer(
        tmp_path, "import", "-", "--namespace", "n", *(["--create"] if create else []), stdin=content
    )
    assert (done["written"], _records(tmp_path)) == (5, 5)


def test_standard_input_may_be_csv(tmp_path: Path) -> None:
    """--format says what a stream holds; its header row is read once."""
    done = answer(tmp_path, "import", "-", "--format", "csv", "--namespace", "n", "--create", stdin=TABLE)
    assert (done["written"], _records(tmp_path)) == (2, 2)
    tabs = TABLE.replace(b",", b"\t")
    done = answer(tmp_path, "import", "-", "--format", "tsv", "--namespace", "t", "--create", stdin=tabs)
    assert (done["written"], _records(tmp_path, "t")) == (2, 2)


@pytest.mark.parametrize(
    "command",
    [
        "cat {file} | quartzdb import /dev/stdin --format jsonl --namespace n --create --data-dir {data}",
        "quartzdb import <(cat {file}) --format jsonl --namespace n --create --data-dir {data}",
        "quartzdb import - --namespace n --create --data-dir {data} < {file}",
    ],
    ids=["dev-stdin", "process-substitution", "redirection"],
)
def test_a_pipe_under_any_name_is_written(tmp_path: Path, command: str) -> None:
    """A pipe gives each byte once, so it is opened once."""
    (tmp_path / "five.jsonl").write_bytes(LINES)
    ran = _shell(command.format(file=tmp_path / "five.jsonl", data=tmp_path / "data"))
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("5 records written")
    assert _records(tmp_path / "data") == 5


def test_a_named_pipe_that_is_written_in_pieces(tmp_path: Path) -> None:
    """A line that comes in two pieces is one line."""
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            for start in range(0, len(LINES), 7):
                file.write(LINES[start : start + 7])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert answer(tmp_path / "d", "import", pipe, "--namespace", "n", "--create")["written"] == 5
    finally:
        writer.join()


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_an_empty_stream_is_a_failure(tmp_path: Path, format_: str) -> None:
    """Nothing on a pipe is nearly always a command before it that failed, so it is no success."""
    answer(tmp_path, "namespaces", "create", "n", "--dimension", "2")
    said = refusal(tmp_path, "import", "-", "--format", format_, "--namespace", "n", stdin=b"")
    assert said.startswith("error: Nothing came from standard input.")
    assert (
        _shell(
            f"zcat {tmp_path}/none.gz 2>&- | quartzdb import - --namespace n --data-dir {tmp_path}"
        ).returncode
        == 1
    )


def test_a_stream_cannot_be_gone_on_with(tmp_path: Path) -> None:
    """Asking for it is wrong usage; without asking, a second import of a stream writes all of it again."""
    said = refusal(tmp_path, "import", "-", "--resume", "--namespace", "n", exit_code=2, stdin=LINES)
    assert "cannot be gone on with" in said
    bad = LINES + b"nonsense\n"
    said = refusal(tmp_path, "import", "-", "--namespace", "n", "--create", "--batch", "2", stdin=bad)
    assert "Line 6: not JSON" in said
    assert "5 in this run" in said
    done = answer(tmp_path, "import", "-", "--namespace", "n", stdin=LINES)
    assert (done["written"], done["resumed_at"]) == (5, 0)
    assert not (tmp_path / "imports").exists()


def test_a_cut_stream_says_how_it_can_be_repeated(tmp_path: Path) -> None:
    """What ends early is a failure that promises no going on."""
    cut = gzip.compress(LINES * 400, mtime=0)[:-40]
    said = refusal(tmp_path, "import", "-", "--namespace", "n", "--create", stdin=cut)
    assert "cannot be read further" in said
    assert "begins anew" in said


def test_a_npy_file_has_to_be_a_file(tmp_path: Path) -> None:
    """It is mapped, which a pipe cannot be."""
    said = refusal(tmp_path, "import", "-", "--format", "npy", "--namespace", "n", exit_code=2, stdin=b"x")
    assert "Make a file of it first" in said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("X.JSONL", LINES),
        ("x.NDJSON.GZ", gzip.compress(LINES)),
        ("x.Csv", TABLE),
        ("x.tsv", TABLE.replace(b",", b"\t")),
        ("x.TSV.gz", gzip.compress(TABLE.replace(b",", b"\t"))),
        ("unpacked.jsonl.gz", LINES),
        ("packed.jsonl", gzip.compress(LINES)),
    ],
    ids=["jsonl", "ndjson-gz", "csv", "tsv", "tsv-gz", "not-packed", "packed"],
)
def test_endings_in_any_case(tmp_path: Path, name: str, content: bytes) -> None:
    """The name says the format; whether the content is compressed it says itself."""
    (tmp_path / name).write_bytes(content)
    done = answer(tmp_path / "d", "import", tmp_path / name, "--namespace", "n", "--create")
    assert done["written"] == _records(tmp_path / "d") > 0


def test_an_unknown_ending_names_the_formats(tmp_path: Path) -> None:
    """Wrong usage, not a guess."""
    (tmp_path / "x.xlsx").write_bytes(b"PAR1")
    said = refusal(tmp_path, "import", tmp_path / "x.xlsx", "--namespace", "n", exit_code=2)
    assert "--format jsonl, csv, tsv, npy or parquet" in said


def test_an_export_goes_through_a_pipe(tmp_path: Path) -> None:
    """Standard output of one is standard input of the other, settings included."""
    answer(tmp_path / "a", "import", "-", "--namespace", "n", "--create", "--metric", "dot", stdin=LINES)
    exported = run(tmp_path / "a", "export", "--namespace", "n").stdout_bytes
    assert (
        answer(tmp_path / "b", "import", "-", "--namespace", "n", "--create", stdin=exported)["written"] == 5
    )
    assert answer(tmp_path / "b", "stats")["namespaces"][0]["metric"] == "dot"
