"""The command on a database on AWS: the same commands, the same answers, and errors that say what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from quartzdb.cli.main import cli
from quartzdb.storage.index.segments.segment_files import VECTORS_FILE
from tests.aws_emulators import Emulators, Place
from tests.aws_fault_proxy import dynamodb_error, fault_proxy, s3_error
from tests.cli.invoke import answer as embedded_answer
from tests.cli.invoke import books, write_jsonl

Command = Callable[..., Result]


def run(*arguments: str | Path) -> Result:
    """The command as it is typed; what it raised besides its own exit is raised here."""
    result = CliRunner().invoke(cli, [*map(str, arguments)], prog_name="quartzdb")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def answer(*arguments: str | Path) -> Any:
    """The JSON that a command that succeeds answers with."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refusal(*arguments: str | Path, exit_code: int = 1) -> str:
    """What a command that fails says on stderr; it says nothing on stdout."""
    result = run(*arguments)
    assert result.exit_code == exit_code, result.stdout
    assert result.stdout == ""
    return result.stderr


@pytest.fixture
def location(aws: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A deployment's data on an emulator, named as an operator's shell would name it."""
    emulator = aws.get("ministack")
    made = emulator.new_place()
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    monkeypatch.setenv("QUARTZDB_TABLE", made.table)
    monkeypatch.setenv("QUARTZDB_BUCKET", made.bucket)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return made


def test_namespaces_records_and_keys_on_aws(location: Place, tmp_path: Path) -> None:
    """The same commands, answers and statuses as on a directory."""
    del location
    made = answer("namespaces", "create", "n", "--dimension", "2", "--metric", "dot", "--shards", "2")
    assert (made["created"], made["metric"], made["shards"]) == (True, "dot", 2)
    assert [one["name"] for one in answer("namespaces", "list")["namespaces"]] == ["n"]
    answer("records", "put", "a", "--namespace", "n", "--vector", "[1, 2]", "--metadata", '{"n": 1}')
    answer("records", "patch", "a", "--namespace", "n", "--set", '{"n": 2}')
    (record,) = answer("records", "get", "a", "--namespace", "n", "--vectors")["records"]
    assert (record["metadata"], record["vector"]) == ({"n": 2}, [1.0, 2.0])
    assert answer("records", "list", "--namespace", "n")["ids"] == ["a"]
    version = answer("kv", "put", "k", "--namespace", "n", "--value", "v", "--if-absent")["version"]
    assert "must not exist" in refusal(
        "kv", "put", "k", "--namespace", "n", "--value", "w", "--if-absent", exit_code=4
    )
    assert run("kv", "get", "k", "--namespace", "n").stdout_bytes == b"v"
    assert answer("kv", "delete", "k", "--namespace", "n", "--if-match", version)["deleted"] is True
    assert "There is no key" in refusal("kv", "get", "k", "--namespace", "n", exit_code=3)
    out = tmp_path / "n.jsonl"
    assert run("export", "--namespace", "n", "--output", out).exit_code == 0
    answer("import", out, "--namespace", "copy", "--create")
    assert answer("namespaces", "describe", "copy")["metric"] == "dot"
    assert answer("records", "delete", "a", "--namespace", "n") == {"deleted": 1}
    assert answer("namespaces", "delete", "n", "--yes")["deleted"] is True
    refusal("namespaces", "describe", "n", exit_code=3)


def test_everything_but_serving_works_on_aws(location: Place, tmp_path: Path) -> None:
    """Import, query, compact, stats, verify and export of a deployment answer as those of a directory do."""
    source = write_jsonl(tmp_path / "books.jsonl", books(60))
    asked = ("query", "--namespace", "n", "--vector", "[1,2,3,4]", "--top-k", "5")
    assert answer("import", source, "--namespace", "n", "--create")["written"] == 60
    assert embedded_answer(tmp_path / "d", "import", source, "--namespace", "n", "--create")["written"] == 60
    (folded,) = answer("compact")["namespaces"]
    assert (folded["folded_records"], folded["segments"], folded["tail_rows"]) == (60, 1, 0)

    def found(matches: list[dict[str, Any]]) -> list[tuple[str, Any]]:
        return [(match["id"], pytest.approx(match["score"])) for match in matches]

    assert found(answer(*asked)["matches"]) == found(embedded_answer(tmp_path / "d", *asked)["matches"])
    held = answer("stats")
    assert (held["table"], held["bucket"]) == (location.table, location.bucket)
    assert [(one["name"], one["records"]) for one in held["namespaces"]] == [("n", 60)]
    verified = answer("verify")
    assert (verified["ok"], verified["segments"], verified["rows"]) == (True, 1, 60)
    assert run("export", "--namespace", "n", "--no-header", "--output", "out.jsonl").exit_code == 0
    exported = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert {record["id"] for record in exported} == {record["id"] for record in books(60)}
    assert not Path("data").exists(), "a command on AWS leaves nothing in the current directory"


def test_a_damaged_segment_is_found_in_the_bucket(location: Place, aws: Emulators, tmp_path: Path) -> None:
    """`verify` exits with 1 and names the object when somebody replaced a segment file in S3."""
    source = write_jsonl(tmp_path / "books.jsonl", books(20))
    answer("import", source, "--namespace", "n", "--create")
    answer("compact")
    s3 = aws.get("ministack").s3
    (vectors,) = [
        found["Key"]
        for found in s3.list_objects_v2(Bucket=location.bucket)["Contents"]
        if found["Key"].endswith(VECTORS_FILE)
    ]
    body = bytearray(s3.get_object(Bucket=location.bucket, Key=vectors)["Body"].read())
    body[5] ^= 1
    s3.put_object(Bucket=location.bucket, Key=vectors, Body=bytes(body))
    for copy in (tmp_path / "home").rglob("*"):
        if copy.is_file():
            copy.unlink()
    result = run("verify", "--json")
    assert result.exit_code == 1
    assert [damage["where"] for damage in json.loads(result.stdout)["damages"]] == [
        vectors.removeprefix("blobs/")
    ]


def test_keys_of_a_deployment(location: Place) -> None:
    """A key is shown once, is stored as a hash, and ends when it is revoked."""
    made = answer("keys", "create", "--name", "root", "--scopes", "read,write,admin")
    (listed,) = answer("keys", "list")["keys"]
    assert (listed["id"], listed["status"]) == (made["id"], "active")
    assert made["key"].rsplit("_", 1)[1] not in run("keys", "list").stdout
    assert answer("keys", "revoke", made["id"])["status"] == "revoked"
    assert [key["status"] for key in answer("keys", "list")["keys"]] == ["revoked"]


def test_an_interrupted_import_goes_on(location: Place, tmp_path: Path) -> None:
    """How far an import into AWS got is remembered on this machine: the same command begins after it."""
    lines: list[Any] = [*books(30), "no json"]
    source = write_jsonl(tmp_path / "books.jsonl", lines)
    assert "Line 31" in refusal("import", source, "--namespace", "n", "--create", "--batch", "10")
    assert answer("import", source, "--namespace", "n", "--skip-bad")["resumed_at"] == 30


def test_a_command_on_a_directory_wins_over_the_environment(location: Place, tmp_path: Path) -> None:
    """What is typed goes before what is exported."""
    assert embedded_answer(tmp_path / "here", "keys", "create", "--name", "x")["name"] == "x"
    assert answer("keys", "list")["keys"] == []


def test_two_places_at_once_are_refused(
    location: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether typed or exported: a command never guesses which database is meant."""
    both = ("stats", "--data-dir", tmp_path, "--table", "t", "--bucket", "b")
    assert "either --data-dir, or" in refusal(*both, exit_code=2)
    assert "--region belongs to" in refusal(
        "stats", "--data-dir", tmp_path, "--region", "us-east-1", exit_code=2
    )
    monkeypatch.setenv("QUARTZDB_DATA_DIR", str(tmp_path))
    assert "QUARTZDB_DATA_DIR and QUARTZDB_TABLE" in refusal("stats", exit_code=2)
    monkeypatch.delenv("QUARTZDB_DATA_DIR")
    monkeypatch.delenv("QUARTZDB_BUCKET")
    assert "give both --table and --bucket" in refusal("stats", exit_code=2)


def test_a_mistyped_table_is_an_error(location: Place) -> None:
    """A table that is not there is named, with what to do; it is never created."""
    said = refusal("stats", "--table", "mistyped")
    assert said.startswith("error: The DynamoDB table mistyped does not exist (ResourceNotFoundException).")
    assert "\nhint: " in said
    assert "does not exist" in refusal("keys", "create", "--name", "x", "--table", "mistyped")


def test_a_table_of_something_else_is_an_error(location: Place, aws: Emulators) -> None:
    """It is left alone, and named as what it is not."""
    name = f"other-{location.table}"
    aws.get("ministack").dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    for command in (["stats"], ["keys", "create", "--name", "x"], ["keys", "list"]):
        said = refusal(*command, "--table", name)
        assert said.startswith(f"error: The DynamoDB table {name} is not one of QuartzDB: ")


def test_a_mistyped_bucket_is_an_error(location: Place, tmp_path: Path) -> None:
    """The same for the bucket."""
    source = write_jsonl(tmp_path / "books.jsonl", books(5))
    answer("import", source, "--namespace", "n", "--create")
    assert "error: The S3 bucket mistyped does not exist" in refusal("stats", "--bucket", "mistyped")


def test_without_credentials_or_region_it_says_how_to_get_them(
    location: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody should have to know what botocore's exceptions mean."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    said = refusal("keys", "list")
    assert said.startswith(f"error: The DynamoDB table {location.table} may not be used: ")
    assert "aws sso login" in said
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "aws sso login" in refusal("keys", "list")
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "hint: Set AWS_REGION or give --region." in refusal("keys", "list")


def test_the_region_may_be_said_as_any_tool_of_aws_wants_it(
    location: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options, AWS_REGION and AWS_DEFAULT_REGION are all understood."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert answer("keys", "list", "--region", "us-east-1")["keys"] == []
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert answer("keys", "list")["keys"] == []


def test_what_is_not_allowed_is_told_with_what_to_check(
    location: Place, aws: Emulators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither table nor bucket: the service's own word for it, and where to look."""
    source = write_jsonl(tmp_path / "books.jsonl", books(5))
    answer("import", source, "--namespace", "n", "--create")
    with fault_proxy(aws.get("ministack").endpoint_url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        proxy.plan = lambda request: s3_error("AccessDenied", 403) if request.name == "GET" else None
        said = refusal("stats")
        assert said.startswith(f"error: The S3 bucket {location.bucket} may not be used (AccessDenied).")
        assert "Check the credentials" in said
        proxy.plan = lambda _: dynamodb_error("AccessDeniedException")
        said = refusal("keys", "create", "--name", "x")
        assert said.startswith(
            f"error: The DynamoDB table {location.table} may not be used (AccessDeniedException)."
        )


def test_a_directory_never_imports_the_sdk(tmp_path: Path) -> None:
    """It costs a tenth of a second: only commands on AWS pay for it."""
    script = (
        "import sys; from quartzdb.cli.main import cli; "
        f"cli(['keys', 'create', '--name', 'x', '--data-dir', {str(tmp_path)!r}], standalone_mode=False); "
        "print({'boto3', 'botocore'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip().endswith("set()")
