"""The bytes that an import reads: of a file, which can be opened again, or of a stream, which gives each byte once.

Owns what both have in common: what the name says of the format, compression, and the encodings that are no UTF-8.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import stat
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from quartzdb.cli.failure import Failure
from quartzdb.domain.values import dataclass

_STDIN = Path("-")
_HEAD_BYTES = 1 << 20
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


class SourceBytes(Protocol):
    """Where an import reads from."""

    @property
    def name(self) -> str:
        """As messages call it."""
        ...

    @property
    def suffix(self) -> str:
        """The end of its name, in lower case: ".gz"."""
        ...

    @property
    def format(self) -> str | None:
        """What the name says is in it."""
        ...

    @property
    def is_stream(self) -> bool:
        """Whether it can be read only once."""
        ...

    @property
    def place(self) -> str:
        """Where it is, whatever directory one is in: the same for the same source."""
        ...

    def state(self) -> dict[str, Any]:
        """What tells it as it is now from what it was or becomes; of no stream. Raises QuartzError, OSError."""
        ...

    def open_bytes(self) -> AbstractContextManager[BinaryIO]:
        """As they are, to be read in any order."""
        ...

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Its bytes from the first, decompressed where they are compressed, whatever the name. Raises Failure."""
        ...


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
    def suffix(self) -> str:
        """Of the name."""
        return self.path.suffix.lower()

    @property
    def is_stream(self) -> bool:
        """Whether it can be read only once."""
        return self.path == _STDIN or not stat.S_ISREG(self.path.stat().st_mode)

    @property
    def format(self) -> str | None:
        """What the name says is in it."""
        return "jsonl" if self.path == _STDIN else format_of(self.path.name)

    @property
    def place(self) -> str:
        """The path, through links."""
        return str(self.path.resolve())

    def state(self) -> dict[str, Any]:
        """Size, time of its last change, and a hash of how it begins."""
        status = self.path.stat()
        with self.path.open("rb") as file:
            head = hashlib.blake2b(file.read(_HEAD_BYTES), digest_size=16).hexdigest()
        return {"size": status.st_size, "modified_ns": status.st_mtime_ns, "head": head}

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
            yield stack.enter_context(unpacked(opened, self.name))


def format_of(name: str) -> str | None:
    """What the name of a file says is in it, compressed or not."""
    path = PurePosixPath(name)
    return _FORMATS.get((path.with_suffix("") if path.suffix.lower() == ".gz" else path).suffix.lower())


@contextmanager
def unpacked(opened: io.BufferedReader[Any], name: str) -> Iterator[BinaryIO]:
    """Text, decompressed if it is gzip. Raises Failure for what is no text of ours."""
    head = opened.peek(4)
    if head[:2] in _UTF_16:
        raise Failure(f"{name} is UTF-16 text.", hint="Save it as UTF-8 and import that.")
    if head[:4] == _PARQUET:
        raise Failure(f"{name} is a Parquet file.", hint="Say so: --format parquet")
    if head[:2] != _GZIP:
        yield opened
        return
    with gzip.GzipFile(fileobj=opened, mode="rb") as packed:
        yield packed  # type: ignore[misc]  # a BinaryIO in all but its type stub
