"""Exports to S3 and imports from it: streamed, never half there, never a mixture of two."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quartzdb.adapters.aws.s3_objects import S3Object, S3ObjectReader, S3ObjectWriter
from quartzdb.domain.errors import Conflict, NotFound
from tests.aws_emulators import NAMES, Emulator, Emulators
from tests.aws_fault_proxy import Fault, FaultProxy, Request, fault_proxy, s3_error
from tests.cli.invoke import answer, books, refusal, run, write_jsonl
from tests.cli.parquet_files import vectors
from tests.manual_clock import ManualClock

MIB = 1024 * 1024


@pytest.fixture
def s3(aws: Emulators, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """An emulator with a bucket named "mine", where a user's shell would look for it."""
    emulator = aws.get("ministack")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    emulator.s3.create_bucket(Bucket="mine")
    return emulator


@pytest.fixture
def broken(s3: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """The same behind a proxy that breaks requests."""
    with fault_proxy(s3.endpoint_url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


@pytest.mark.parametrize("name", ["n.parquet", "n.jsonl", "n.jsonl.gz"])
def test_an_export_to_s3_comes_back(s3: Emulator, tmp_path: Path, name: str) -> None:
    """Every format, into another database, to the same lines."""
    source = write_jsonl(tmp_path / "b.jsonl", books(40))
    answer(tmp_path / "a", "import", source, "--namespace", "n", "--create", "--metric", "dot")
    url = f"s3://mine/exports/{name}"
    said = run(tmp_path / "a", "export", "--namespace", "n", "--output", url)
    assert said.stderr == f"40 records written to {url}\n"
    assert answer(tmp_path / "b", "import", url, "--namespace", "n", "--create")["written"] == 40
    first, second = (run(tmp_path / side, "export", "--namespace", "n").stdout for side in "ab")
    assert first == second
    assert list((tmp_path / "b" / "imports").iterdir()) == []
    del s3


@pytest.mark.parametrize("name", NAMES)
def test_an_object_is_written_in_parts_and_read_in_ranges(aws: Emulators, name: str) -> None:
    """No part is larger than it has to be, nothing is there before the end, and every range is as it was written."""
    emulator = aws.get(name)
    bucket = emulator.new_place().bucket
    content = bytes(range(256)) * (12 * MIB // 256) + b"end"
    target = S3Object(emulator.s3, bucket, "a/b", ManualClock())
    with S3ObjectWriter(target, part_bytes=5 * MIB) as writer:
        for start in range(0, len(content), 1_000_003):
            writer.write(content[start : start + 1_000_003])
        assert emulator.s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
        writer.finish()
    state = target.state()
    assert state.size == len(content)
    with S3ObjectReader(target, state) as reader:
        reader.seek(-3, io.SEEK_END)
        assert (reader.read(10), reader.read(10)) == (b"end", b"")
        reader.seek(5 * MIB - 2)
        assert reader.read(4) == content[5 * MIB - 2 : 5 * MIB + 2]
    emulator.s3.put_object(Bucket=bucket, Key="a/b", Body=b"another")
    with (
        S3ObjectReader(target, state) as reader,
        pytest.raises(Conflict, match="was changed while it was read"),
    ):
        reader.read(10)
    with pytest.raises(NotFound, match="no object s3://"):
        S3Object(emulator.s3, bucket, "a/c", ManualClock()).state()
    with S3ObjectWriter(target, part_bytes=5 * MIB) as writer:
        writer.write(content)
        writer.abandon()
    assert not emulator.s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert target.state().size == 7


def test_an_import_from_s3_goes_on_and_refuses_another_object(s3: Emulator, tmp_path: Path) -> None:
    """By the ETag: what was replaced is not gone on with."""
    ids = [f"r{row}" for row in range(30)]
    table = pa.table({"id": [*ids[:25], None, *ids[26:]], "vector": vectors(30)})

    def put(rows: pa.Table) -> None:
        content = io.BytesIO()
        pq.write_table(rows, content, row_group_size=10)
        s3.s3.put_object(Bucket="mine", Key="x.parquet", Body=content.getvalue())

    put(table)
    said = refusal(tmp_path, "import", "s3://mine/x.parquet", "--namespace", "n", "--create")
    assert "Row 26: id: the id is null" in said
    put(pa.table({"id": ids, "vector": vectors(30)}))
    said = refusal(tmp_path, "import", "s3://mine/x.parquet", "--namespace", "n", exit_code=4)
    assert "s3://mine/x.parquet has changed since the import of it that stopped after 25" in said
    assert "--restart" in said
    put(table)
    done = answer(tmp_path, "import", "s3://mine/x.parquet", "--namespace", "n", "--skip-bad")
    assert (done["resumed_at"], done["written"], done["skipped"]) == (25, 4, 1)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("s3://mine/absent.jsonl", "There is no object s3://mine/absent.jsonl."),
        ("s3://nobodys-bucket-at-all/x.jsonl", "There is no "),
    ],
)
def test_what_is_not_there_is_said(s3: Emulator, tmp_path: Path, url: str, problem: str) -> None:
    """With the status of what was not found, and nothing is created."""
    del s3
    assert problem in refusal(tmp_path, "import", url, "--namespace", "n", "--create", exit_code=3)
    assert not (tmp_path / "catalog.db").exists()


@pytest.mark.parametrize("url", ["s3://", "s3://mine", "s3://mine/", "s3://Mine/x", "s3://mine/folder/"])
def test_what_is_no_url_is_wrong_usage(tmp_path: Path, url: str) -> None:
    """Before anything is asked of S3."""
    assert "Write s3://BUCKET/KEY" in refusal(tmp_path, "import", url, "--namespace", "n", exit_code=2)
    assert "Write s3://BUCKET/KEY" in refusal(
        tmp_path, "export", "--namespace", "n", "--output", url, exit_code=2
    )


def test_rights_that_are_missing_are_named(broken: FaultProxy, s3: Emulator, tmp_path: Path) -> None:
    """Which right, on what; nothing is written where an export may not be."""
    answer(tmp_path, "import", write_jsonl(tmp_path / "b.jsonl", books(5)), "--namespace", "n", "--create")
    s3.s3.put_object(Bucket="mine", Key="b.jsonl", Body=(tmp_path / "b.jsonl").read_bytes())
    for method in ("HEAD", "GET"):
        broken.fail(method, s3_error("AccessDenied", 403), path="b.jsonl")
        said = refusal(tmp_path, "import", "s3://mine/b.jsonl", "--namespace", "m", "--create")
        assert "s3://mine/b.jsonl may not be read with these credentials" in said
        assert "s3:GetObject" in said
    broken.fail("PUT", s3_error("AccessDenied", 403))
    said = refusal(tmp_path, "export", "--namespace", "n", "--output", "s3://mine/out.parquet")
    assert "s3://mine/out.parquet may not be written with these credentials (AccessDenied)" in said
    assert "s3:PutObject" in said
    broken.heal()
    keys = [found["Key"] for found in s3.s3.list_objects_v2(Bucket="mine")["Contents"]]
    assert "out.parquet" not in keys


def test_answers_that_break_off_are_asked_for_again(broken: FaultProxy, s3: Emulator, tmp_path: Path) -> None:
    """A connection that breaks in the middle of a range costs that range."""
    s3.s3.put_object(
        Bucket="mine", Key="b.jsonl", Body="".join(json.dumps(book) + "\n" for book in books(50)).encode()
    )
    broken.fail("GET", Fault("cut"), times=1)
    assert answer(tmp_path, "import", "s3://mine/b.jsonl", "--namespace", "n", "--create")["written"] == 50
    assert broken.count("GET") >= 2


def test_an_object_that_is_replaced_meanwhile_ends_the_import(
    broken: FaultProxy, s3: Emulator, tmp_path: Path
) -> None:
    """What was read of it before is written; what follows would be of another object."""
    lines = [{**book, "metadata": {"text": "x" * 20_000}} for book in books(600)]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    s3.s3.put_object(Bucket="mine", Key="b.jsonl", Body=content)
    asked = []

    def replace(request: Request) -> Fault | None:
        if request.name == "GET":
            asked.append(request.path)
            # The first range is for the header, the second for the lines.
            if len(asked) == 3:
                s3.s3.put_object(Bucket="mine", Key="b.jsonl", Body=content + b"\n")
        return None

    broken.plan = replace
    said = refusal(tmp_path, "import", "s3://mine/b.jsonl", "--namespace", "n", "--create")
    assert "s3://mine/b.jsonl was changed while it was read. Everything before it was written (" in said
    assert 0 < answer(tmp_path, "records", "count", "--namespace", "n")["count"] < 600


def test_an_export_that_fails_in_the_middle_leaves_nothing(
    broken: FaultProxy, s3: Emulator, tmp_path: Path
) -> None:
    """The object of before is still there, and no upload that somebody pays for."""
    lines = [{**book, "metadata": {"text": "x" * 30_000}} for book in books(600)]  # 18 MB: two parts
    answer(tmp_path, "import", write_jsonl(tmp_path / "b.jsonl", lines), "--namespace", "n", "--create")
    s3.s3.put_object(Bucket="mine", Key="out.jsonl", Body=b"before")
    broken.fail("PUT", s3_error("AccessDenied", 403), path="partNumber=2")
    said = refusal(tmp_path, "export", "--namespace", "n", "--output", "s3://mine/out.jsonl")
    assert "may not be written" in said
    broken.heal()
    assert s3.s3.get_object(Bucket="mine", Key="out.jsonl")["Body"].read() == b"before"
    assert not s3.s3.list_multipart_uploads(Bucket="mine").get("Uploads")
