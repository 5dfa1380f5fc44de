"""How far an import has got, kept in a directory of its own so that the same command goes on after an interruption.

A checkpoint belongs to one source file as it is now, one generation of one namespace and one way of reading. It is
written after the batch that it covers was acknowledged, so it is never ahead of the data; being behind costs only the
writing of a batch again, which changes nothing.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import orjson

_HEAD_BYTES = 1 << 20


class ImportCheckpoint:
    """One import's place."""

    def __init__(self, directory: Path, identity: str) -> None:
        self._path = directory / f"{identity}.json"

    def read(self) -> int:
        """The position that all writes are acknowledged up to; 0 at first, or where nothing readable is there."""
        try:
            position = orjson.loads(self._path.read_bytes())["position"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return position if isinstance(position, int) else 0

    def write(self, position: int) -> None:
        """Remember the position. Not synced to disk: after a power cut an older place is as good."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_bytes(orjson.dumps({"position": position}))
        os.replace(unfinished, self._path)

    def clear(self) -> None:
        """The import is complete."""
        self._path.unlink(missing_ok=True)


def identity(source: Path, generation: str, reading: str) -> str:
    """A name for the import of a file as it is now, into one generation, read in one way."""
    status = source.stat()
    with source.open("rb") as file:
        head = hashlib.blake2b(file.read(_HEAD_BYTES)).hexdigest()
    parts = [str(source.resolve()), status.st_size, status.st_mtime_ns, head, generation, reading]
    return hashlib.blake2b(orjson.dumps(parts), digest_size=16).hexdigest()
