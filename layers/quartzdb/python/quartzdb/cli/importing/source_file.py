"""The bytes that an import reads: of a file, which can be opened again, or of a stream, which gives each byte once.

Owns what both have in common: what the name says of the format, compression, and the encodings that are no UTF-8.
"""

from __future__ import annotations

import codecs
import gzip
import io
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from quartzdb.cli.failure import Failure

_STDIN = Path("-")
_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".npy": "npy",
    ".parquet": "parquet",
    ".pq": "parquet",
}
FORMATS = tuple(dict.fromkeys(_FORMATS.values()))


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`-` is standard input. A pipe or a device under any name is a stream, too: opening it again begins with whatever
    comes next, so a stream is opened once.
    """

    path: Path

    @property
    def name(self) -> str:
        """As messages call it."""
        return "standard input" if self.path == _STDIN else str(self.path)

    @property
    def is_stream(self) -> bool:
        """Whether it can be read only once."""
        return self.path == _STDIN or not stat.S_ISREG(self.path.stat().st_mode)

    @property
    def format(self) -> str | None:
        """What the name says is in it."""
        name = self.path.with_suffix("") if self.path.suffix.lower() == ".gz" else self.path
        return "jsonl" if self.path == _STDIN else _FORMATS.get(name.suffix.lower())

    @contextmanager
    def open_bytes(self) -> Iterator[BinaryIO]:
        """As they are, to be read in any order."""
        with self.path.open("rb") as file:
            yield file

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Its bytes from the first, decompressed where they are compressed, whatever the name. Raises Failure."""
        with ExitStack() as stack:
            if self.path == _STDIN:
                raw: BinaryIO = sys.stdin.buffer
            else:
                raw = stack.enter_context(self.path.open("rb"))
            opened = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)  # type: ignore[type-var]  # a test's stdin
            head = opened.peek(4)
            if head[:2] in _UTF_16:
                raise Failure(f"{self.name} is UTF-16 text.", hint="Save it as UTF-8 and import that.")
            if head[:4] == _PARQUET:
                raise Failure(f"{self.name} is a Parquet file.", hint="Say so: --format parquet")
            if head[:2] != _GZIP:
                yield opened
                return
            unpacked = stack.enter_context(gzip.GzipFile(fileobj=opened, mode="rb"))
            yield unpacked  # type: ignore[misc]  # a BinaryIO in all but its type stub
