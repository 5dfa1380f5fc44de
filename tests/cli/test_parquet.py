"""Parquet: what is exported comes back, other programs can read it, and what they write is imported."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quartzdb.cli.parquet.writing import parquet_export
from quartzdb.domain.namespace import Namespace, NamespaceSettings, Precision
from quartzdb.services.keyvalue import NewItem
from quartzdb.services.record_rules import NewRecord
from quartzdb.wiring.embedded import Database, EmbeddedSettings, open_embedded
from quartzdb.wiring.settings import DEFAULT_TENANT
from tests.cli.invoke import answer, books, refusal, run, write_jsonl
from tests.cli.parquet_files import vectors, with_column, write_parquet


def _exported(data: Path, name: str = "n", *options: str) -> str:
    result = run(data, "export", "--namespace", name, *options)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def _filled(directory: Path, precision: Precision = Precision.F32) -> tuple[Database, Namespace]:
    """1,201 records, more than a page of them, with what is hard to keep."""
    database = open_embedded(EmbeddedSettings(directory))
    namespace, _ = database.namespaces.create(DEFAULT_TENANT, "n", NamespaceSettings(3, precision=precision))
    rng = np.random.default_rng(5)
    rows = [np.array([1e-3, 3e4, -0.1], np.float32), *rng.standard_normal((1_200, 3)).astype(np.float32)]
    hard: dict[str, Any] = {
        "big": 2**64 - 1,
        "small": -(2**63),
        "third": 1 / 3,
        "none": None,
        "ä": ["ü", {"deep": [[]]}],
        "e": {},
    }
    records = [NewRecord(f"r{n}", row, hard if n % 2 else {}) for n, row in enumerate(rows)]
    for start in range(0, len(records), 1_000):
        database.records.upsert(namespace, records[start : start + 1_000])
    return database, namespace


@pytest.mark.parametrize("options", [(), ("--vectors", "f16")], ids=["f32", "f16"])
def test_records_come_back_bit_for_bit(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Export, import elsewhere: the same lines as before. With f16, where the namespace has that precision."""
    _filled(tmp_path / "a", Precision.F16 if options else Precision.F32)
    answer(tmp_path / "a", "compact")
    out = tmp_path / "n.parquet"
    said = run(tmp_path / "a", "export", "--namespace", "n", "--output", out, *options)
    assert said.stderr == f"1,201 records written to {out}\n"
    done = answer(tmp_path / "b", "import", out, "--namespace", "n", "--create")
    assert (done["kind"], done["written"], done["skipped"]) == ("records", 1_201, 0)
    answer(tmp_path / "b", "compact")
    assert _exported(tmp_path / "b") == _exported(tmp_path / "a")


def test_key_values_come_back_with_type_and_end(tmp_path: Path) -> None:
    """Any bytes, the content type and the time of expiry to the millisecond."""
    database = open_embedded(EmbeddedSettings(tmp_path / "a"))
    namespace, _ = database.namespaces.create(DEFAULT_TENANT, "n", NamespaceSettings())
    database.key_values.put(namespace, NewItem("bytes/\x00", bytes(range(256)), "image/png"))
    database.key_values.put(namespace, NewItem("soon", b"", ttl_seconds=3600.123))
    out = tmp_path / "kv.parquet"
    assert run(tmp_path / "a", "export", "--namespace", "n", "--kind", "kv", "--output", out).exit_code == 0
    assert answer(tmp_path / "b", "import", out, "--namespace", "n", "--create")["kind"] == "kv"
    first, second = (
        json.loads(_exported(tmp_path / side, "n", "--kind", "kv").splitlines()[2]) for side in "ab"
    )
    assert abs(first.pop("expires_at_ms") - second.pop("expires_at_ms")) <= 1, "an end is kept as a duration"
    assert first == second
    whole = [_exported(tmp_path / side, "n", "--kind", "kv").splitlines()[1] for side in "ab"]
    assert whole[0] == whole[1]


def test_records_come_back_with_their_expiry(tmp_path: Path) -> None:
    """To the millisecond; a column of that name which is no moment is refused."""
    lines = [{"id": "a", "vector": [1.0], "expires_at_ms": 2_000_000_000_123}, {"id": "b", "vector": [2.0]}]
    answer(tmp_path / "a", "import", write_jsonl(tmp_path / "x.jsonl", lines), "--namespace", "n", "--create")
    out = tmp_path / "n.parquet"
    assert run(tmp_path / "a", "export", "--namespace", "n", "--output", out).exit_code == 0
    answer(tmp_path / "b", "import", out, "--namespace", "n", "--create")
    assert list(map(json.loads, _exported(tmp_path / "b").splitlines()[1:])) == lines
    table = pq.read_table(out)
    place = table.schema.get_field_index("quartzdb_expires_at")
    texts = table.set_column(place, "quartzdb_expires_at", pa.array(["soon", None]))
    pq.write_table(texts, tmp_path / "bad.parquet")
    said = refusal(tmp_path / "c", "import", tmp_path / "bad.parquet", "--namespace", "n", "--create")
    assert "not a timestamp" in said
    assert "--ignore-column quartzdb_expires_at" in said


def test_an_exported_file_is_as_other_programs_expect(tmp_path: Path) -> None:
    """Text, a list of one length, JSON, versions; the settings in the file's metadata; rows sorted by id."""
    answer(tmp_path, "import", write_jsonl(tmp_path / "b.jsonl", books(3)), "--namespace", "n", "--create")
    assert run(tmp_path, "export", "--namespace", "n", "--output", tmp_path / "n.parquet").exit_code == 0
    file = pq.ParquetFile(tmp_path / "n.parquet")
    assert [(one.name, str(one.type), one.nullable) for one in file.schema_arrow] == [
        ("id", "string", False),
        ("vector", "fixed_size_list<element: float not null>[4]", False),
        ("metadata", "string", True),
        ("quartzdb_expires_at", "timestamp[ms, tz=UTC]", True),
        ("quartzdb_version", "string", False),
    ]
    header = json.loads(file.metadata.metadata[b"quartzdb_export"])
    first = json.loads(_exported(tmp_path).splitlines()[0])
    assert header == first["quartzdb_export"], "the same header as that of JSON lines"
    row = file.read().to_pylist()[0]
    (record,) = answer(tmp_path, "records", "get", "b0", "--namespace", "n")["records"]
    assert (row["id"], json.loads(row["metadata"])) == ("b0", books(1)[0]["metadata"])
    assert row["quartzdb_version"] == record["version"]
    group = file.metadata.row_group(0)
    codecs = {group.column(place).path_in_schema: group.column(place).compression for place in range(5)}
    assert (codecs["vector.list.element"], codecs["metadata"]) == ("UNCOMPRESSED", "SNAPPY")
    assert group.sorting_columns[0].column_index == 0


def test_sixteen_bits_round_and_say_so(tmp_path: Path) -> None:
    """Vectors of 32 bits are exported with 16 when that is asked for; what they cannot hold is an error."""
    lines = [{"id": "a", "vector": [0.1, 1.0]}]
    answer(tmp_path, "import", write_jsonl(tmp_path / "x.jsonl", lines), "--namespace", "n", "--create")
    out = tmp_path / "n.parquet"
    said = run(tmp_path, "export", "--namespace", "n", "--output", out, "--vectors", "f16").stderr
    assert "have 32 bits a number, and are rounded to 16" in said
    assert pq.read_table(out).column("vector").to_pylist()[0] == [pytest.approx(0.1, rel=1e-3), 1.0]
    answer(tmp_path, "records", "put", "b", "--namespace", "n", "--vector", "[1, 70000]")
    said = refusal(tmp_path, "export", "--namespace", "n", "--output", out, "--vectors", "f16")
    assert "The vector of the record 'b' has a number over 65,504" in said
    assert pq.read_table(out).num_rows == 1, "the file of before is still there"
    said = refusal(tmp_path, "export", "--namespace", "n", "--output", out, "--vectors", "list", exit_code=2)
    assert "--vectors of parquet are f32 or f16, not list" in said


def test_an_export_is_written_group_by_group(tmp_path: Path) -> None:
    """A row group is written as soon as it is full: no more of the namespace is in memory."""
    database, namespace = _filled(tmp_path)
    records = list(database.records.fetch(namespace, [f"r{n}" for n in range(1_000)]).values())
    out = io.BytesIO()
    sizes = []
    with parquet_export(out, "records", namespace, header=None, row_group_bytes=40_000) as export:
        for start in range(0, 1_000, 100):
            export.add_records(records[start : start + 100])
            sizes.append(out.tell())
    assert len(set(sizes)) > 2
    file = pq.ParquetFile(io.BytesIO(out.getvalue()))
    assert file.metadata.num_row_groups > 2
    assert file.read().column("id").to_pylist() == [one.id for one in records]


def test_a_pipe_takes_an_export_and_a_broken_one_has_no_end(tmp_path: Path) -> None:
    """What went wrong in the middle is no file that reads as if it were whole."""
    answer(tmp_path, "import", write_jsonl(tmp_path / "b.jsonl", books(3)), "--namespace", "n", "--create")
    piped = run(tmp_path, "export", "--namespace", "n", "--format", "parquet").stdout_bytes
    assert pq.read_table(io.BytesIO(piped)).num_rows == 3
    database = open_embedded(EmbeddedSettings(tmp_path))
    namespace = database.namespaces.get(DEFAULT_TENANT, "n")
    out = io.BytesIO()
    some = list(database.records.fetch(namespace, ["b0"]).values())

    def broken() -> None:
        with parquet_export(out, "records", namespace, header=None, row_group_bytes=1) as export:
            export.add_records(some)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert len(out.getvalue()) > 4
    with pytest.raises(pa.ArrowInvalid):
        pq.ParquetFile(io.BytesIO(out.getvalue()))


def test_what_pandas_and_others_write_is_imported(tmp_path: Path) -> None:
    """Columns under names of their own, list<double>, ids that are numbers, and any column as metadata."""
    table = {
        "doc": pa.array([7, 8], pa.int64()),
        "embedding": vectors(2),
        "year": pa.array([1965, None], pa.int32()),
        "genre": pa.array(["sf", "poetry"]).dictionary_encode(),
        "raw": pa.array([b"\x00", b"\x01"]),
        "zip": pa.array([1234, 99], pa.int16()),
    }
    source = write_parquet(tmp_path / "books.parquet", table)
    columns = [
        "--id-column",
        "doc",
        "--vector-column",
        "embedding",
        "--ignore-column",
        "raw",
        "--text-column",
        "zip",
    ]
    answer(tmp_path, "import", source, "--namespace", "n", "--create", *columns)
    got = answer(tmp_path, "records", "get", "7", "8", "--namespace", "n", "--vectors")["records"]
    assert [one["metadata"] for one in got] == [
        {"year": 1965, "genre": "sf", "zip": "1234"},
        {"genre": "poetry", "zip": "99"},
    ]
    assert got[0]["vector"] == [1.0, 2.0, 3.0, 4.0]


DAY = 86_400


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["a", None]), ["a", ...]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array([True, False]), [True, False]),
        (pa.array([2**64 - 1], pa.uint64()), [2**64 - 1]),
        (pa.array([0.5], pa.float16()), [0.5]),
        (pa.array([0.1], pa.float32()), [float(np.float32(0.1))]),
        (pa.array(["12.50", "3"], pa.string()).cast(pa.decimal128(9, 2)), [12.5, 3.0]),
        (pa.array(["12"], pa.string()).cast(pa.decimal128(9, 0)), [12]),
        (pa.array([DAY, None], pa.timestamp("s")), ["1970-01-02T00:00:00.000", ...]),
        (pa.array([DAY * 1000 + 5], pa.timestamp("ms", tz="Europe/Paris")), ["1970-01-02T00:00:00.005Z"]),
        (pa.array([1], pa.timestamp("ns", tz="UTC")), ["1970-01-01T00:00:00.000000001Z"]),
        (pa.array([1], pa.date32()), ["1970-01-02"]),
        (pa.array([1500], pa.time32("ms")), ["00:00:01.500"]),
        (pa.array([[1, None], None, []], pa.list_(pa.int8())), [[1, None], ..., []]),
        (pa.array([["a", "b"]], pa.list_(pa.string(), 2)), [["a", "b"]]),
        (pa.array([{"a": 1, "b": None}, None]), [{"a": 1}, ...]),
        (
            pa.array([{"a": [{"at": 1}]}], pa.struct({"a": pa.list_(pa.struct({"at": pa.date32()}))})),
            [{"a": [{"at": "1970-01-02"}]}],
        ),
        (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())), [{"k": 1}, ...]),
        (pa.nulls(2), [..., ...]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_every_type_has_its_place_in_metadata(tmp_path: Path, column: Any, expected: list[Any]) -> None:
    """As docs/cli.md says; what is null is no field."""
    source = write_parquet(tmp_path / "x.parquet", with_column("field", column), row_group=2)
    answer(tmp_path, "import", source, "--namespace", "n", "--create")
    ids = [f"r{row}" for row in range(len(column))]
    got = answer(tmp_path, "records", "get", *ids, "--namespace", "n")["records"]
    assert [one.get("metadata", {}).get("field", ...) for one in got] == expected


@pytest.mark.parametrize(
    "column",
    [
        pa.array(['{"a": 1}', None]),
        pa.array(['{"a": 1}', None]).dictionary_encode(),
        pa.array([{"a": 1}, None]),
        pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    ],
    ids=["json", "dictionary", "struct", "map"],
)
def test_a_column_of_metadata_is_all_of_it(tmp_path: Path, column: Any) -> None:
    """And a column of its own goes before a field of it."""
    table = with_column("metadata", column) | {"b": [2, 3]}
    answer(tmp_path, "import", write_parquet(tmp_path / "x.parquet", table), "--namespace", "n", "--create")
    got = answer(tmp_path, "records", "get", "r0", "r1", "--namespace", "n")["records"]
    assert [one["metadata"] for one in got] == [{"a": 1, "b": 2}, {"b": 3}]


@pytest.mark.parametrize(
    ("table", "problem", "hint"),
    [
        ({"vector": vectors(1)}, "no column 'id', but 'vector'", "--id-column"),
        (
            {"id": ["a"], "embedding": vectors(1)},
            "no column 'vector', but 'id', 'embedding'",
            "--vector-column",
        ),
        ({"id": ["a"], "year": [1965]}, "The first record has no vector", "--text FIELD"),
        (
            {"id": [1.5], "vector": vectors(1)},
            "'id' is double, and ids are text or whole numbers",
            "--id-column",
        ),
        (
            {"id": ["a"], "vector": [1.5]},
            "'vector' is double, which is no list of numbers",
            "--vector-column",
        ),
        (
            {"id": ["a"], "vector": [["x"]]},
            "list<element: string>, which is no list of numbers",
            "text with JSON",
        ),
        (with_column("b", [b"x"]), "'b' is binary, which metadata cannot hold", "--ignore-column b"),
        (with_column("b", pa.array([1], pa.duration("s"))), "'b' is duration[s]", "--ignore-column b"),
        (with_column("b", [[b"x"]]), "'b' is binary", "--ignore-column b"),
        (with_column("b", pa.array([[(1, 2)]], pa.map_(pa.int8(), pa.int8()))), "keys of JSON are text", "b"),
    ],
)
def test_columns_that_records_cannot_have_are_refused(
    tmp_path: Path, table: dict[str, Any], problem: str, hint: str
) -> None:
    """Before anything is written, with the column's name and what to do."""
    source = write_parquet(tmp_path / "x.parquet", table)
    said = refusal(tmp_path, "import", source, "--namespace", "n", "--create")
    assert problem in said
    assert hint in said
    assert answer(tmp_path, "namespaces", "list")["namespaces"] == []


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"id": pa.array([None], pa.string())}, "id: the id is null"),
        ({"id": [""]}, "is no record id"),
        ({"vector": pa.array([None], pa.list_(pa.float64()))}, "vector: the vector is null"),
        ({"vector": [[1.0, None, 3.0, 4.0]]}, "vector: the number at position 1 is null"),
        ({"vector": [[1.0, 2.0, float("nan"), 4.0]]}, "The number at position 2 is not finite"),
        ({"vector": [[1e300, 2.0, 3.0, 4.0]]}, "The number at position 0 is not finite"),
        ({"vector": [[1.0, 2.0, 3.0]]}, "The vector has 3 numbers but the namespace has dimension 4"),
        ({"metadata": ["{"]}, "metadata: not JSON"),
        ({"metadata": ["[]"]}, "metadata: an array, not a JSON object"),
        ({"number": [float("nan")]}, "Numbers are finite; this one is nan"),
    ],
)
def test_an_import_stops_at_a_bad_row_and_goes_on_with_skip_bad(
    tmp_path: Path, bad: dict[str, Any], problem: str
) -> None:
    """By its number, in whatever row group it is; everything before it is written."""

    def some(first: int, count: int) -> dict[str, Any]:
        ids = [f"r{row}" for row in range(first, first + count)]
        return {"id": ids, "vector": vectors(count), "metadata": ["{}"] * count, "number": [0.5] * count}

    schema = pa.table(some(0, 1)).schema
    tables = [pa.table(one, schema=schema) for one in (some(0, 5), some(99, 1) | bad, some(5, 4))]
    source = tmp_path / "x.parquet"
    pq.write_table(pa.concat_tables(tables), source, row_group_size=4)
    said = refusal(tmp_path, "import", source, "--namespace", "n", "--create")
    assert "Row 6: " in said
    assert problem in said
    assert "Everything before it was written (5 in this run)" in said
    assert "--skip-bad" in said
    done = answer(tmp_path, "import", source, "--namespace", "n", "--skip-bad")
    assert (done["resumed_at"], done["written"], done["skipped"]) == (5, 4, 1)
    assert done["bad_lines"][0].startswith("Row 6: ")
    assert answer(tmp_path, "records", "count", "--namespace", "n")["count"] == 9


def test_files_that_are_no_parquet_are_refused(tmp_path: Path) -> None:
    """Cut off, of another format, or where none can be read: said before anything is written."""
    whole = write_parquet(tmp_path / "whole.parquet", with_column("n", list(range(2_500))), row_group=1_000)
    content = whole.read_bytes()
    for broken in (b"", b"PAR1", content[:-100], b"x" * 500):
        (tmp_path / "x.parquet").write_bytes(broken)
        said = refusal(tmp_path, "import", tmp_path / "x.parquet", "--namespace", "n", "--create")
        assert "is no Parquet file, or a damaged one" in said
    said = refusal(
        tmp_path, "import", "-", "--format", "parquet", "--namespace", "n", exit_code=2, stdin=content
    )
    assert "it cannot be compressed, nor a pipe" in said
    said = refusal(tmp_path, "import", "-", "--namespace", "n", "--create", stdin=content)
    assert "standard input is a Parquet file" in said
    assert not (tmp_path / "catalog.db").exists()


def test_a_damaged_page_is_noticed(tmp_path: Path) -> None:
    """Pages of an export have checksums: a flipped bit is an error, and what came before it is written."""
    answer(tmp_path, "import", write_jsonl(tmp_path / "b.jsonl", books(50)), "--namespace", "n", "--create")
    out = tmp_path / "n.parquet"
    assert run(tmp_path, "export", "--namespace", "n", "--output", out).exit_code == 0
    content = bytearray(out.read_bytes())
    column = pq.ParquetFile(out).metadata.row_group(0).column(1)
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    out.write_bytes(content)
    said = refusal(tmp_path, "import", out, "--namespace", "m", "--create")
    assert "n.parquet is no Parquet file, or a damaged one" in said
    assert "CRC" in said


def test_records_without_vectors_come_back(tmp_path: Path) -> None:
    """Where a namespace is searched by text alone: there is no column of vectors, and none is missed."""
    lines = [{"id": "a", "metadata": {"body": "of Arrakis"}}, {"id": "b", "metadata": {"body": "of Gethen"}}]
    source = write_jsonl(tmp_path / "n.jsonl", lines)
    answer(tmp_path / "a", "import", source, "--namespace", "n", "--create", "--text", "body")
    out = tmp_path / "n.parquet"
    assert run(tmp_path / "a", "export", "--namespace", "n", "--output", out).exit_code == 0
    assert pq.read_schema(out).names == ["id", "metadata", "quartzdb_expires_at", "quartzdb_version"]
    assert answer(tmp_path / "b", "import", out, "--namespace", "n", "--create")["written"] == 2
    assert _exported(tmp_path / "b") == _exported(tmp_path / "a")
    with_text = write_parquet(tmp_path / "x.parquet", {"id": ["c"], "body": ["of Solaris"]})
    assert answer(tmp_path / "b", "import", with_text, "--namespace", "n")["written"] == 1
    answer(tmp_path / "b", "namespaces", "create", "v", "--dimension", "2")
    said = refusal(tmp_path / "b", "import", with_text, "--namespace", "v")
    assert "Row 1: vector: The vector is missing" in said


def test_text_columns_keep_digits(tmp_path: Path) -> None:
    """A decimal that no float holds, and numbers that are names."""
    decimals = pa.array(["0.1234567890123456789"]).cast(pa.decimal128(20, 19))
    table = with_column("price", decimals) | {"flag": [True]}
    source = write_parquet(tmp_path / "x.parquet", table)
    texts = ["--text-column", "price", "--text-column", "flag"]
    answer(tmp_path, "import", source, "--namespace", "n", "--create", *texts)
    (got,) = answer(tmp_path, "records", "get", "r0", "--namespace", "n")["records"]
    assert got["metadata"] == {"price": "0.1234567890123456789", "flag": "true"}


def test_what_a_release_does_not_know_is_said(tmp_path: Path) -> None:
    """A header in the file's metadata that cannot be read, and settings that are lost."""
    settings = {"dimension": 4, "metric": "dot", "later": 1}
    for header, expected in (
        (b"{", "The header in the file's metadata cannot be read"),
        (json.dumps({"format": 2}).encode(), "this release reads format 1"),
        (
            json.dumps({"format": 1, "kind": "records", "namespace": "n", "settings": settings}).encode(),
            "later 1",
        ),
    ):
        table = pa.table(with_column("year", [1])).replace_schema_metadata({b"quartzdb_export": header})
        pq.write_table(table, tmp_path / "x.parquet")
        result = run(tmp_path, "import", tmp_path / "x.parquet", "--namespace", "n", "--create")
        assert expected in result.stderr
        assert result.exit_code == (0 if expected == "later 1" else 1)


def test_without_pyarrow_all_but_parquet_works(tmp_path: Path) -> None:
    """The error says how to install it; nothing imports it for other formats."""
    lines = write_jsonl(tmp_path / "b.jsonl", books(2))
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from quartzdb.cli.main import main\n"
        "sys.argv = ['quartzdb', *sys.argv[1:]]; main()"
    )

    def without(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-c",
            script,
            *arguments,
            "--namespace",
            "n",
            "--data-dir",
            str(tmp_path / "d"),
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert without("import", str(lines), "--create").returncode == 0
    assert without("export").returncode == 0
    out = tmp_path / "n.parquet"
    refused = without("export", "--output", str(out))
    assert refused.returncode == 1
    assert "Parquet files need the package pyarrow" in refused.stderr
    assert "make parquet" in refused.stderr
    assert not out.exists()
    write_parquet(out, with_column("n", [1]))
    assert "Parquet files need the package pyarrow" in without("import", str(out)).stderr
