"""The settings of a namespace travel in an export's first line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quartzdb.cli.namespace_settings import ENGINES, METRICS, PRECISIONS
from quartzdb.domain.metric import Metric
from quartzdb.domain.namespace import EngineChoice, Precision
from tests.cli.invoke import answer, books, refusal, run, write_jsonl

SETTINGS = ["--metric", "euclidean", "--precision", "f16", "--engine", "ivf", "--shards", "3"]
SETTINGS += ["--purge-after-days", "7"]
NAMED = {
    "metric": "euclidean",
    "precision": "f16",
    "engine": "ivf",
    "shards": 3,
    "purge_after_days": 7,
    "dimension": 4,
}


def _exported(tmp_path: Path, *options: str, name: str = "docs.jsonl.gz") -> Path:
    """A file with 20 records of a namespace with settings of its own."""
    source = write_jsonl(tmp_path / "books.jsonl", books(20))
    answer(tmp_path / "a", "import", source, "--namespace", "docs", "--create", *SETTINGS)
    answer(tmp_path / "a", "kv", "put", "k", "--value", "v", "--namespace", "docs")
    out = tmp_path / name
    assert run(tmp_path / "a", "export", "--namespace", "docs", "--output", out, *options).exit_code == 0
    return out


def _settings(data: Path, name: str) -> dict[str, Any]:
    described = answer(data, "namespaces", "describe", name)
    return {setting: described[setting] for setting in NAMED}


def test_the_choices_are_those_of_the_domain() -> None:
    """The options name every metric, precision and engine that there is."""
    assert list(METRICS) == list(Metric)
    assert list(PRECISIONS) == list(Precision)
    assert list(ENGINES) == list(EngineChoice)


@pytest.mark.parametrize("kind", ["records", "kv"])
def test_a_new_namespace_is_as_the_exported_one(tmp_path: Path, kind: str) -> None:
    """Whichever of records and key-values comes first, every setting is as it was, and so are the answers."""
    out = _exported(tmp_path, "--kind", kind)
    answer(tmp_path / "b", "import", out, "--namespace", "copy", "--create")
    assert _settings(tmp_path / "b", "copy") == NAMED
    if kind == "records":
        again = _exported(tmp_path, "--kind", "kv", name="kv.jsonl")
        answer(tmp_path / "b", "import", again, "--namespace", "copy")
        asked = ("query", "--vector", "[1, 2, 3, 4]", "--recall", "1", "--namespace")
        found = [
            [(match["id"], match["score"]) for match in answer(data, *asked, name)["matches"]]
            for data, name in ((tmp_path / "a", "docs"), (tmp_path / "b", "copy"))
        ]
        assert found[0] == found[1]
    assert run(tmp_path / "b", "kv", "get", "k", "--namespace", "copy").stdout_bytes == b"v"


def test_the_first_line_is_no_record(tmp_path: Path) -> None:
    """One field, with the format, the kind, the name and the settings; --no-header leaves it out."""
    first = json.loads(
        run(_exported(tmp_path).parent / "a", "export", "--namespace", "docs").stdout.split("\n")[0]
    )
    header = first["quartzdb_export"]
    assert (header["format"], header["kind"], header["namespace"]) == (1, "records", "docs")
    assert header["settings"] == NAMED
    bare = run(tmp_path / "a", "export", "--namespace", "docs", "--no-header").stdout
    assert "id" in json.loads(bare.split("\n")[0])
    answer(
        tmp_path / "b",
        "import",
        write_jsonl(tmp_path / "bare.jsonl", [bare.strip()]),
        "--namespace",
        "n",
        "--create",
    )
    assert _settings(tmp_path / "b", "n")["metric"] == "cosine"


@pytest.mark.parametrize(
    ("option", "value"),
    [("--metric", "dot"), ("--precision", "f32"), ("--engine", "exact"), ("--shards", "1")],
)
def test_an_option_that_contradicts_the_header(tmp_path: Path, option: str, value: str) -> None:
    """Nothing is created or written; --override-header lets the option win, and keeps the rest."""
    out = _exported(tmp_path)
    arguments = ("import", out, "--namespace", "copy", "--create", option, value)
    said = refusal(tmp_path / "b", *arguments)
    assert said.startswith("error: The file was exported from a namespace with ")
    assert f"{option} says {value}" in said
    assert "--override-header" in said
    assert answer(tmp_path / "b", "stats")["namespaces"] == []
    answer(tmp_path / "b", *arguments, "--override-header")
    changed = {**NAMED, option[2:]: int(value) if value.isdigit() else value}
    assert _settings(tmp_path / "b", "copy") == changed
    same = (option, str(NAMED[option[2:]]))
    assert answer(tmp_path / "b", "import", out, "--namespace", "same", "--create", *same)["written"] == 20


def test_a_present_namespace_that_contradicts_the_header(tmp_path: Path) -> None:
    """Records of one metric do not slip into a namespace of another."""
    out = _exported(tmp_path)
    answer(tmp_path / "b", "namespaces", "create", "copy", "--dimension", "4")
    said = refusal(tmp_path / "b", "import", out, "--namespace", "copy")
    assert (
        "The namespace 'copy' has metric cosine, but the file was exported from one with metric euclidean"
        in said
    )
    assert answer(tmp_path / "b", "records", "count", "--namespace", "copy")["count"] == 0
    assert answer(tmp_path / "b", "import", out, "--namespace", "copy", "--override-header")["written"] == 20
    answer(tmp_path / "b", "namespaces", "create", "small", "--dimension", "3", *SETTINGS)
    assert "dimension 3" in refusal(tmp_path / "b", "import", out, "--namespace", "small")


def test_declared_fields_are_exported(tmp_path: Path) -> None:
    """And text without vectors: a copy declares and holds the same. What contradicts it is refused."""
    declared = (
        "--text",
        "title",
        "--text",
        "body=german",
        "--text",
        'code={"stemming": false}',
        "--sparse",
        "s",
    )
    answer(tmp_path / "a", "namespaces", "create", "docs", *declared, "--shards", "2")
    sparse = '{"title": "Of Arrakis", "s": {"indices": [4], "values": [0.5]}}'
    answer(tmp_path / "a", "records", "put", "dune", "--namespace", "docs", "--metadata", sparse)
    out = tmp_path / "docs.jsonl"
    run(tmp_path / "a", "export", "--namespace", "docs", "--output", out)
    answer(tmp_path / "b", "import", out, "--namespace", "copy", "--create")
    described = answer(tmp_path / "b", "namespaces", "describe", "copy")
    assert described["text"] == {
        "title": {"language": "english", "stemming": True, "stopwords": True},
        "body": {"language": "german", "stemming": True, "stopwords": True},
        "code": {"language": "english", "stemming": False, "stopwords": True},
    }
    assert (described["dimension"], described["sparse"], described["shards"]) == (None, ["s"], 2)
    (record,) = answer(tmp_path / "b", "records", "get", "dune", "--namespace", "copy", "--vectors")[
        "records"
    ]
    assert "vector" not in record
    assert record["metadata"] == json.loads(sparse)
    answer(tmp_path / "b", "namespaces", "create", "plain", "--text", "title")
    said = refusal(tmp_path / "b", "import", out, "--namespace", "plain")
    assert "The namespace 'plain' has shards 1" in said or "has text title" in said or "has 1 shards" in said


def test_records_without_vectors_are_imported(tmp_path: Path) -> None:
    """From lines without one, into a namespace that is created for text; otherwise it is said what is missing."""
    lines = write_jsonl(tmp_path / "notes.jsonl", ['{"id": "a", "metadata": {"body": "Of Arrakis."}}'])
    said = refusal(tmp_path / "b", "import", lines, "--namespace", "notes", "--create")
    assert "--text FIELD" in said
    created = answer(tmp_path / "b", "import", lines, "--namespace", "notes", "--create", "--text", "body")
    assert created["written"] == 1
    answer(tmp_path / "b", "namespaces", "create", "four", "--dimension", "4")
    assert "The vector is missing" in refusal(tmp_path / "b", "import", lines, "--namespace", "four")


def test_without_create_a_header_creates_nothing(tmp_path: Path) -> None:
    """A mistyped name is an error with a header, too."""
    out = _exported(tmp_path)
    assert "--create" in refusal(tmp_path / "a", "import", out, "--namespace", "dosc", exit_code=3)


def test_records_and_key_values_are_not_mixed_up(tmp_path: Path) -> None:
    """The header says what is in the file, so --kind is only needed to say the same."""
    out = _exported(tmp_path)
    said = refusal(tmp_path / "b", "import", out, "--namespace", "n", "--create", "--kind", "kv")
    assert "is an export of records, not of key-values" in said


def _with_header(tmp_path: Path, document: Any) -> Path:
    lines = [{"quartzdb_export": document}, {"id": "a", "vector": [1, 2]}]
    return write_jsonl(tmp_path / "later.jsonl", lines)


def test_settings_of_a_later_release_are_said_to_be_lost(tmp_path: Path) -> None:
    """An import says what it loses, and does the rest."""
    settings = {"dimension": 2, "metric": "dot", "colour": {"fields": ["title"]}}
    source = _with_header(tmp_path, {"format": 1, "kind": "records", "namespace": "n", "settings": settings})
    ran = run(tmp_path / "d", "import", source, "--namespace", "n", "--create")
    assert (ran.exit_code, "that are lost: colour" in ran.stderr) == (0, True)
    assert answer(tmp_path / "d", "namespaces", "describe", "n")["metric"] == "dot"


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"format": 2, "kind": "records", "namespace": "n", "settings": {}}, "this release reads format 1"),
        ({"kind": "records"}, "cannot be read"),
        ([], "cannot be read"),
        ({"format": 1, "kind": "graphs", "namespace": "n", "settings": {}}, "no kind 'graphs'"),
        ({"format": 1, "kind": "records", "namespace": "n", "settings": {"metric": "l2"}}, "'l2'"),
    ],
)
def test_a_header_that_cannot_be_read(tmp_path: Path, document: Any, reason: str) -> None:
    """Its namespace would be made wrong, so nothing is."""
    said = refusal(tmp_path / "d", "import", _with_header(tmp_path, document), "--namespace", "n", "--create")
    assert reason in said
    assert "hint: " in said


def test_going_on_after_the_header(tmp_path: Path) -> None:
    """A checkpoint counts the header's line: the same import goes on where it stopped."""
    lines = run(_exported(tmp_path).parent / "a", "export", "--namespace", "docs").stdout.splitlines()
    source = write_jsonl(tmp_path / "cut.jsonl", [*lines[:11], "nonsense", *lines[11:]])
    said = refusal(tmp_path / "b", "import", source, "--namespace", "n", "--create", "--batch", "4")
    assert "Line 12: " in said
    done = answer(tmp_path / "b", "import", source, "--namespace", "n", "--batch", "4", "--skip-bad")
    assert (done["resumed_at"], done["written"], done["skipped"]) == (11, 10, 1)
