"""What an import says of a mistake: the line, and what is wrong with it, whether or not the namespace is there yet."""

from __future__ import annotations

import codecs
from pathlib import Path

import numpy as np
import pytest

from tests.cli.invoke import answer, refusal

GOOD = b'{"id": "a", "vector": [1, 0]}\n'

MISTAKES = [
    (b'{"id": "x", "values": [1, 0]}', "there is no 'vector', but 'id', 'values'"),
    (b'{"vector": [1, 0]}', "there is no 'id', but 'vector'"),
    (b"{}", "there is no 'id', but nothing"),
    (b'{"id": "x", "vector": [1, 0], "text": "t"}', "'text' is no field of a record"),
    (b'{"id": "x", "vector": [' + b"1," * 4_999 + b"1]}", "The vector has 5000 numbers; at most 4096"),
    (b'{"id": "x", "vector": []}', "The vector is empty"),
    (b'{"id": "x", "vector": [1, null]}', "The entry at position 1 is not a number"),
    (b'{"id": "x", "vector": [1, 1e39]}', "not finite"),
    (b'{"id": "x", "vector": {"x": 1}}', "not an object"),
    (b'{"id": "x", "vector": true}', "not a boolean"),
    (b'{"id": null, "vector": [1, 0]}', "there is no 'id'"),
    (b'{"id": ["x"], "vector": [1, 0]}', "An id is a string, not an array"),
    (b'{"id": "not an\\u0000id", "vector": [1, 0]}', "'not an\\x00id' is no record id"),
    (b'{"id": "x", "vector": [1, 0], "metadata": [1]}', "Metadata is a JSON object, not an array"),
    (b'[{"id": "x", "vector": [1, 0]}]', "an array, not a JSON object"),
    (b"7", "a number, not a JSON object"),
    (b"null", "null, not a JSON object"),
    (b'{"id": "x", "vector": [1, 0]', "at column"),
    (b"id,v0,v1", "at column 1"),
    (b'{"id": "\xe9", "vector": [1, 0]}', "byte 9 is not UTF-8"),
]


@pytest.mark.parametrize("create", [True, False], ids=["create", "there"])
@pytest.mark.parametrize(("line", "reason"), MISTAKES, ids=[reason for _, reason in MISTAKES])
def test_the_first_line(tmp_path: Path, line: bytes, reason: str, create: bool) -> None:
    """The reason is the same for a namespace that would be created, and none is created for nothing."""
    source = tmp_path / "x.jsonl"
    source.write_bytes(line + b"\n")
    data = tmp_path / "data"
    answer(data, "namespaces", "create", "there", "--dimension", "2")
    target = ["new", "--create"] if create else ["there"]
    said = refusal(data, "import", source, "--namespace", *target)
    assert said.startswith("error: Line 1: ")
    assert reason in said
    assert "line 1 column" not in said
    assert [one["name"] for one in answer(data, "stats")["namespaces"]] == ["there"]


def test_a_later_line_by_its_own_number(tmp_path: Path) -> None:
    """There is one number in the message, the file's."""
    source = tmp_path / "x.jsonl"
    source.write_bytes(GOOD * 10 + b"\n{nonsense}\n")
    said = refusal(tmp_path / "d", "import", source, "--namespace", "n", "--create")
    assert said.startswith("error: Line 12: not JSON: ")
    assert "column 2" in said
    assert "line 1" not in said


def test_skipped_lines_before_the_first_record(tmp_path: Path) -> None:
    """With --skip-bad the first good line tells the dimension, and the bad ones before it are counted."""
    source = tmp_path / "x.jsonl"
    source.write_bytes(b"nonsense\n{}\n" + GOOD)
    done = answer(tmp_path / "d", "import", source, "--namespace", "n", "--create", "--skip-bad")
    assert (done["written"], done["skipped"]) == (1, 2)
    assert done["bad_lines"][1].startswith("Line 2: there is no 'id'")


def test_nothing_but_bad_lines(tmp_path: Path) -> None:
    """There is no namespace to create then; the first reason is told."""
    source = tmp_path / "x.jsonl"
    source.write_bytes(b"nonsense\n" * 3)
    said = refusal(tmp_path / "d", "import", source, "--namespace", "n", "--create", "--skip-bad")
    assert "None of the 3 lines is a record; line 1: not JSON" in said
    source.write_bytes(b"")
    assert "no record in the file" in refusal(
        tmp_path / "d", "import", source, "--namespace", "n", "--create"
    )


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    """As in CSV: some programs begin every file with one."""
    source = tmp_path / "x.jsonl"
    source.write_bytes(codecs.BOM_UTF8 + GOOD + GOOD.replace(b'"a"', b'"b"'))
    assert answer(tmp_path / "d", "import", source, "--namespace", "n", "--create")["written"] == 2


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_utf_16_is_named(tmp_path: Path, encoding: str, suffix: str) -> None:
    """Not told as thousands of bad lines."""
    source = tmp_path / f"x{suffix}"
    source.write_bytes("\ufeff".encode(encoding) + "id,v0\na,1\n".encode(encoding))
    assert "is UTF-16 text" in refusal(tmp_path / "d", "import", source, "--namespace", "n", "--create")


@pytest.mark.parametrize("content", [b"a\n\xe9\n", b"\xe9\nb\n"])
def test_ids_that_are_not_utf_8(tmp_path: Path, content: bytes) -> None:
    """The file, the line and the byte."""
    np.save(tmp_path / "x.npy", np.ones((2, 2), np.float32))
    (tmp_path / "ids").write_bytes(content)
    said = refusal(
        tmp_path / "d",
        "import",
        tmp_path / "x.npy",
        "--ids",
        tmp_path / "ids",
        "--namespace",
        "n",
        "--create",
    )
    number = content.split(b"\n").index(b"\xe9") + 1
    assert f"Line {number} of {tmp_path / 'ids'} is not UTF-8 (byte 1 of it)" in said


def test_csv_that_is_not_utf_8(tmp_path: Path) -> None:
    """Said as that, not as the decoder says it."""
    (tmp_path / "x.csv").write_bytes(b"id,v0,n\na,1,\xe9\n")
    said = refusal(tmp_path / "d", "import", tmp_path / "x.csv", "--namespace", "n", "--create")
    assert "it is not UTF-8 (a byte 0xe9)" in said


NUMBERS = [
    ("999999999999999", 999999999999999),
    ("1700000000000000", 1700000000000000),
    ("9007199254740993", 9007199254740993),
    ("-9223372036854775808", -9223372036854775808),
    ("18446744073709551615", 18446744073709551615),
    ("18446744073709551616", "18446744073709551616"),
    ("-9223372036854775809", "-9223372036854775809"),
    ("0123", "0123"),
    ("4111-1111", "4111-1111"),
    ("1e3", 1000.0),
    ("1e400", "1e400"),
    ("-1e400", "-1e400"),
    ("0.1", 0.1),
]


def test_numbers_in_csv(tmp_path: Path) -> None:
    """Whole numbers are numbers to the last digit as far as metadata can hold them, and text beyond."""
    source = tmp_path / "x.csv"
    source.write_text("id,v0,n\n" + "".join(f"r{at},1,{cell}\n" for at, (cell, _) in enumerate(NUMBERS)))
    data = tmp_path / "d"
    answer(data, "import", source, "--namespace", "n", "--create")
    got = answer(data, "records", "get", *(f"r{at}" for at in range(len(NUMBERS))), "--namespace", "n")
    kept = [record["metadata"]["n"] for record in got["records"]]
    assert kept == [value for _, value in NUMBERS]
    assert [type(one) for one in kept] == [type(value) for _, value in NUMBERS]
    found = answer(
        data, "query", "--namespace", "n", "--vector", "[1]", "--filter", '{"n": {"$gt": 9007199254740992}}'
    )
    assert {match["id"] for match in found["matches"]} == {"r2", "r4"}
