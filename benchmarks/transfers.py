"""Measures `quartzdb import` and `export` of many records: `python -m benchmarks.transfers [--rows N] [--dimension D]`.

Writes a Parquet file as others would, imports it in a process that is killed in the middle (SIGKILL), gives the same
command again, exports what is there in each format, and imports each export into a database of its own. Raises
where a record is missing or came twice.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measured_page import keep, table

_ROWS_AT_ONCE = 20_000
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Transfer:
    """One command. Seconds by the clock and of processors, and the most memory that it held."""

    name: str
    seconds: float
    processor_seconds: float
    peak_bytes: int
    file_bytes: int
    written: int


def write_source(path: Path, rows: int, dimension: int, seed: int) -> None:
    """Random vectors with ids, and three fields of metadata as JSON."""
    rng = np.random.default_rng(seed)
    element = pa.field("element", pa.float32(), nullable=False)
    kinds = [("id", pa.string()), ("vector", pa.list_(element, dimension)), ("metadata", pa.string())]
    schema = pa.schema(kinds)
    with pq.ParquetWriter(path, schema, compression="snappy", use_dictionary=False) as writer:
        for start in range(0, rows, _ROWS_AT_ONCE):
            numbers = range(start, min(rows, start + _ROWS_AT_ONCE))
            flat = rng.standard_normal(len(numbers) * dimension, dtype=np.float32)
            metadata = [
                json.dumps({"year": 1900 + n % 120, "topic": f"t{n % 50}", "text": f"record number {n}"})
                for n in numbers
            ]
            vectors = pa.FixedSizeListArray.from_arrays(flat, type=schema.field("vector").type)
            columns = [pa.array([f"r{n:09}" for n in numbers]), vectors, pa.array(metadata)]
            writer.write_table(pa.table(columns, schema=schema))


def run(
    name: str, file: Path, data: Path, arguments: Sequence[str], *, killed_after: int | None = None
) -> Transfer:
    """One command on a data directory, killed when so many records are acknowledged. Raises RuntimeError."""
    command = [sys.executable, "-m", "quartzdb.cli", *arguments, "--namespace", "n", "--data-dir", str(data)]
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as progress:
        begun = time.perf_counter()
        process = subprocess.Popen(command, stdout=said, stderr=progress)
        if killed_after is not None:
            while _place(data) < killed_after:
                time.sleep(_LOOK_SECONDS)
            process.send_signal(signal.SIGKILL)
        # Not by subprocess: this wait tells what that one process took.
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        progress.seek(0)
        if process.returncode != (0 if killed_after is None else -signal.SIGKILL):
            raise RuntimeError(f"{' '.join(arguments)}: {progress.read()}")
        answer = said.read()
    written = json.loads(answer)["written"] if "--json" in arguments and answer else _place(data)
    done = Transfer(
        name, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, file.stat().st_size, written
    )
    print(f"{name}: {seconds:,.0f} s", file=sys.stderr)
    return done


def measure(directory: Path, rows: int, dimension: int) -> list[Transfer]:
    """Every command in turn. Raises RuntimeError where one fails or records are not what they should be."""
    source, data = directory / "source.parquet", directory / "data"
    write_source(source, rows, dimension, seed=7)
    begin = ("import", str(source), "--create", "--json")
    done = [run("import of Parquet, killed in the middle", source, data, begin, killed_after=rows // 2)]
    done.append(run("the same command again", source, data, begin))
    if done[0].written + done[1].written != rows:
        raise RuntimeError(f"{done[0].written:,} and {done[1].written:,} records were written of {rows:,}.")
    done.append(replace(run("quartzdb compact", source, data, ("compact",)), written=rows))
    source.unlink()
    for name, file, more in (
        ("Parquet", directory / "out.parquet", ()),
        ("JSON lines, vectors in base64, gzip", directory / "out.jsonl.gz", ("--vectors", "base64")),
    ):
        file.touch()
        exported = run(f"export to {name}", file, data, ("export", "--output", str(file), *more))
        done.append(replace(exported, written=rows))
    for name, file in (("Parquet", directory / "out.parquet"), ("JSON lines", directory / "out.jsonl.gz")):
        copy = directory / "copy"
        imported = run(f"import of that {name}", file, copy, ("import", str(file), "--create", "--json"))
        if imported.written != rows:
            raise RuntimeError(f"{imported.written:,} records came back of {rows:,}.")
        done.append(imported)
        shutil.rmtree(copy)
    return done


def _place(data: Path) -> int:
    for found in data.glob("imports/*.json"):
        return int(json.loads(found.read_bytes())["position"])
    return 0


def markdown(done: Sequence[Transfer]) -> str:
    """As docs/growth.md has it."""
    rows = [
        [
            one.name,
            f"{one.written:,}",
            f"{one.seconds:,.0f}",
            f"{one.processor_seconds:,.0f}",
            f"{one.written / one.processor_seconds:,.0f}",
            f"{one.peak_bytes / 1e6:,.0f}",
            f"{one.file_bytes / 1e6:,.0f}",
        ]
        for one in done
    ]
    names = ["Command", "records", "s", "processor s", "records a processor s", "most memory, MB", "file, MB"]
    return table(names, rows)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--directory", type=Path, help="Where there is room. Default: a temporary one.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write-docs", action="store_true", help="keep the figures, and put them into pages")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as directory:
        done = measure(Path(directory), given.rows, given.dimension)
    print(json.dumps([asdict(one) for one in done]) if given.json else markdown(done))
    if given.write_docs:
        keep("transfers", "all", markdown(done), command="python -m benchmarks.transfers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
