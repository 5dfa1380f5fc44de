"""Exporting, and importing what was exported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from quartzdb.domain.namespace import NamespaceSettings
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import EmbeddedSettings, open_embedded
from quartzdb.wiring.settings import DEFAULT_TENANT
from tests.cli.invoke import answer, books, refusal, run, write_jsonl


@pytest.mark.parametrize("vectors", ["list", "base64"])
@pytest.mark.parametrize("name", ["copy.jsonl", "copy.jsonl.gz"])
def test_records_come_back_bit_for_bit(tmp_path: Path, vectors: str, name: str) -> None:
    """Export, import elsewhere, export again: the same bytes, whatever the numbers."""
    database = open_embedded(EmbeddedSettings(tmp_path / "a"))
    namespace, _ = database.namespaces.create(DEFAULT_TENANT, "n", NamespaceSettings(3))
    rng = np.random.default_rng(5)
    odd = [np.array([1e-30, 3e5, -0.1], np.float32), np.array([1 / 3, 2 / 3, 1e-7], np.float32)]
    rows = [*odd, *rng.standard_normal((1_500, 3)).astype(np.float32)]
    for start in (0, 1_000):
        some = list(enumerate(rows))[start : start + 1_000]
        database.records.upsert(namespace, [NewRecord(f"r{n}", row, {"n": n, "ä": ["ü"]}) for n, row in some])
    assert (
        run(
            tmp_path / "a", "export", "--namespace", "n", "--output", tmp_path / name, "--vectors", vectors
        ).exit_code
        == 0
    )
    assert (
        answer(tmp_path / "b", "import", tmp_path / name, "--namespace", "n", "--create")["written"] == 1_502
    )
    first, second = (run(tmp_path / side, "export", "--namespace", "n").stdout for side in "ab")
    assert first == second
    assert len(first.splitlines()) == 1 + 1_502


def test_key_values_come_back_with_type_and_expiry(tmp_path: Path) -> None:
    """--kind kv carries any bytes, the content type and the time of expiry."""
    database = open_embedded(EmbeddedSettings(tmp_path / "a"))
    namespace, _ = database.namespaces.create(DEFAULT_TENANT, "n", NamespaceSettings())
    database.key_values.put(namespace, NewItem("bytes/\x00", bytes(range(256)), "image/png"))
    database.key_values.put(namespace, NewItem("soon", b"x", ttl_seconds=3600))
    for number in range(60):
        database.key_values.put(namespace, NewItem(f"k{number:02}", b""))
    out = tmp_path / "kv.jsonl"
    run(tmp_path / "a", "export", "--namespace", "n", "--kind", "kv", "--output", out)
    assert (
        answer(tmp_path / "b", "import", out, "--namespace", "m", "--kind", "kv", "--create")["written"] == 62
    )
    copy = open_embedded(EmbeddedSettings(tmp_path / "b"))
    target = copy.namespaces.get(DEFAULT_TENANT, "m")
    item = copy.key_values.get(target, "bytes/\x00")
    assert (item.value, item.content_type, item.expires_at_ms) == (bytes(range(256)), "image/png", None)
    original = database.key_values.get(namespace, "soon").expires_at_ms
    copied = copy.key_values.get(target, "soon").expires_at_ms
    assert original is not None
    assert copied is not None
    assert abs(copied - original) < 1_000


def test_records_come_back_with_their_expiry(tmp_path: Path) -> None:
    """As unix milliseconds in the line; what has expired is in no export, and an import passes it over."""
    database = open_embedded(EmbeddedSettings(tmp_path / "a"))
    namespace, _ = database.namespaces.create(DEFAULT_TENANT, "n", NamespaceSettings(2))
    moment, ones = database.clock.unix_ms() + 3_600_000, np.ones(2, np.float32)
    over = NewRecord("over", ones, {}, database.clock.unix_ms() - 1)
    database.records.upsert(namespace, [NewRecord("a", ones, {"n": 1}, moment), NewRecord("b", ones), over])
    out = tmp_path / "records.jsonl"
    run(tmp_path / "a", "export", "--namespace", "n", "--output", out)
    _, first, second = map(json.loads, out.read_text().splitlines())
    assert first == {"id": "a", "vector": [1.0, 1.0], "metadata": {"n": 1}, "expires_at_ms": moment}
    assert second == {"id": "b", "vector": [1.0, 1.0]}
    late = write_jsonl(tmp_path / "late.jsonl", [{**first, "id": "late", "expires_at_ms": 1}, first, second])
    assert answer(tmp_path / "b", "import", late, "--namespace", "m", "--create")["written"] == 2
    copy = open_embedded(EmbeddedSettings(tmp_path / "b"))
    target = copy.namespaces.get(DEFAULT_TENANT, "m")
    found = copy.records.fetch(target, ["a", "b", "late"])
    assert {one: record.expires_at_ms for one, record in found.items()} == {"a": moment, "b": None}


def test_an_expiry_that_is_no_moment_is_a_bad_line(tmp_path: Path) -> None:
    """By the number of its line, with what to write."""
    bad = write_jsonl(tmp_path / "x.jsonl", [{"id": "a", "vector": [1.5], "expires_at_ms": "soon"}])
    said = refusal(tmp_path, "import", bad, "--namespace", "n", "--create")
    assert "'soon' is no moment" in said
    assert "unix milliseconds" in said


def test_a_line_has_what_import_reads(tmp_path: Path) -> None:
    """The format is the documented one; a record without metadata has no such field."""
    source = write_jsonl(tmp_path / "x.jsonl", [{"id": "a", "vector": [1.5, 2.0]}])
    answer(tmp_path, "import", source, "--namespace", "n", "--create")
    _, line = run(tmp_path, "export", "--namespace", "n").stdout.splitlines()
    assert json.loads(line) == {"id": "a", "vector": [1.5, 2.0]}


def test_a_broken_off_export_leaves_no_file(tmp_path: Path) -> None:
    """The output has its name only when it is whole."""
    answer(tmp_path, "import", write_jsonl(tmp_path / "x.jsonl", books(3)), "--namespace", "n", "--create")
    said = refusal(
        tmp_path, "export", "--namespace", "n", "--output", tmp_path / "no" / "such" / "place.jsonl"
    )
    assert "cannot be written" in said
    assert not list(tmp_path.glob("**/*.unfinished"))
